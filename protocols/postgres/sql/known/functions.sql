-- Lists the functions of a PostgreSQL server, one line a name. "p" are those that
-- only compute: every overload is immutable or stable, none runs with its owner's
-- rights, none is a trigger or a handler; "v" are the others. Then "r" marks those
-- that take a whole row as their one argument, and so can be written as if they
-- were one of its columns; "c" those that always give rows of named columns.
-- contrib/dev/functions asks servers of every major and merges what they say.
SELECT proname,
       CASE WHEN bool_and(provolatile IN ('i', 's') AND NOT prosecdef AND prorettype NOT IN ('trigger'::regtype,
                'event_trigger'::regtype, 'language_handler'::regtype, 'fdw_handler'::regtype,
                'index_am_handler'::regtype, 'table_am_handler'::regtype, 'tsm_handler'::regtype))
            THEN 'p' ELSE 'v' END,
       CASE WHEN bool_or(takes_row AND proname NOT IN ('count', 'pg_typeof', 'num_nulls', 'num_nonnulls',
            'pg_column_size', 'pg_column_compression', 'pg_column_toast_chunk_id', 'pg_collation_for')) THEN 'r' ELSE '' END ||
       CASE WHEN bool_and(gives_rows) THEN 'c' ELSE '' END
FROM (SELECT p.*, prokind IN ('f', 'a') AND pronargs - pronargdefaults <= 1 AND pronargs >= 1 AND proargtypes[0] IN
             ('record'::regtype, '"any"'::regtype, 'anyelement'::regtype, 'anynonarray'::regtype,
              'anycompatible'::regtype, 'anycompatiblenonarray'::regtype) AS takes_row,
             prorettype = 'record'::regtype AS gives_rows
      FROM pg_catalog.pg_proc p WHERE pronamespace = 'pg_catalog'::regnamespace) f
GROUP BY proname
ORDER BY proname COLLATE "C";
