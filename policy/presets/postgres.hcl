# Any PostgreSQL server. State the hosts and the account; every statement is judged by what it
# does: reads pass, writes ask, schema, grants and unbounded deletes are refused.
service "postgres" {
  description = "PostgreSQL, judged statement by statement"
  protocol    = "postgres"
  posture     = "guarded"
}
