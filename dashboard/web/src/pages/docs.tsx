import { createElement, lazy, Suspense, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { leads, parse, type Block, type Inline } from '../lib/markdown'
import { useResource } from '../lib/resource'
import { go, usePlace } from '../lib/router'
import type { Answer } from '../lib/types'
import { Code } from '../ui/code'
import { Icon } from '../ui/icons'
import { cx, Empty, Fault, Link, PageHead, Skeleton } from '../ui/kit'
import './docs.css'

const ApiPage = lazy(() => import('./api'))

type Listed = Answer<'GET /docs'>

const api = 'api' // the page that is made of the API's own document
const apiPage: Listed[number] = { name: api, title: 'HTTP API', sections: [] }

/** DocsPage shows the documentation of this version, which the gateway holds. */
export function DocsPage({ name }: { name: string }) {
  const { query } = usePlace()
  const q = query.get('q') ?? ''
  const list = useResource<Listed>('/docs')
  const page = name || list.data?.[0]?.name || ''
  return (
    <div className="docs">
      <aside className="docs-side" aria-label="Pages of the documentation">
        <Search q={q} />
        {list.data && <Contents list={list.data} page={q ? '' : page} />}
      </aside>
      <div className="docs-main">
        {list.error ? (
          <Fault problem={list.error} retry={list.reload} />
        ) : !list.data ? null : q ? ( // the list above pushes nothing down then
          <Found q={q} />
        ) : page === api ? (
          <Suspense fallback={<Skeleton lines={14} />}><ApiPage /></Suspense>
        ) : list.data.length === 0 ? (
          <>
            <PageHead title="Docs" />
            <Empty title="This build has no documentation" />
          </>
        ) : (
          page && <DocPage key={page} name={page} />
        )}
      </div>
    </div>
  )
}

function Search({ q }: { q: string }) {
  const [text, setText] = useState(q)
  useEffect(() => setText(q), [q])
  return (
    <form
      role="search"
      className="gallery-find docs-find"
      onSubmit={(e) => {
        e.preventDefault()
        go(text.trim() ? `/docs?q=${encodeURIComponent(text.trim())}` : '/docs')
      }}
    >
      <Icon name="search" />
      <input value={text} onChange={(e) => setText(e.target.value)} placeholder="Search the docs" aria-label="Search the docs" autoComplete="off" />
    </form>
  )
}

function Contents({ list, page }: { list: Listed; page: string }) {
  return (
    <nav aria-label="Docs">
      <ul>
        {list.map((p) => p.name === 'reference' ? [p, apiPage] : [p]).flat().map((p) => (
          <li key={p.name}>
            <Link to={`/docs/${p.name}`} className={cx('nav-item', p.name === page && 'here')} aria-current={p.name === page ? 'page' : undefined}>{p.title}</Link>
            {p.name === page && (
              <ul className="docs-sections">
                {p.sections.filter((s) => s.level === 2).map((s) => (
                  <li key={s.anchor}><a href={`#${s.anchor}`} onClick={(e) => { e.preventDefault(); jump(s.anchor) }}>{s.title}</a></li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </nav>
  )
}

function jump(anchor: string) {
  history.replaceState(null, '', `${location.pathname}${location.search}#${anchor}`)
  const at = document.getElementById(anchor)
  at?.scrollIntoView()
  at?.focus({ preventScroll: true })
}

function Found({ q }: { q: string }) {
  const { data, error } = useResource<Listed>(`/docs?q=${encodeURIComponent(q)}`)
  return (
    <>
      <PageHead title={`Docs: ${q}`} />
      {error ? (
        <Fault problem={error} />
      ) : !data ? (
        <Skeleton lines={6} />
      ) : data.length === 0 ? (
        <Empty title="No section holds all these words">Take a word away, or look through the pages.</Empty>
      ) : (
        data.map((p) => (
          <section key={p.name} className="panel" aria-label={p.title}>
            <h2>{p.title}</h2>
            <ul className="lines">
              {p.sections.map((s) => (
                <li key={s.anchor} className="docs-hit">
                  <Link to={`/docs/${p.name}${s.anchor ? '#' + s.anchor : ''}`}>{s.title}</Link>
                  {s.says && <span className="quiet small">{s.says}</span>}
                </li>
              ))}
            </ul>
          </section>
        ))
      )}
    </>
  )
}

function DocPage({ name }: { name: string }) {
  const { data, error, reload } = useResource<Answer<'GET /docs/{page}'>>(`/docs/${encodeURIComponent(name)}`)
  const blocks = useMemo(() => (data ? parse(data.text) : []), [data])
  const shown = useRef('')
  useEffect(() => {
    document.title = `${data?.title ?? 'Docs'} · Sallyport`
    if (!data || shown.current === location.hash) return
    shown.current = location.hash
    if (location.hash) jump(decodeURIComponent(location.hash.slice(1)))
  }, [data])
  if (error) {
    return (
      <>
        <PageHead title="Docs" />
        <Fault problem={error} retry={reload} />
      </>
    )
  }
  if (!data) {
    return (
      <>
        <h1 className="sr">Docs</h1>
        <Skeleton lines={14} />
      </>
    )
  }
  return <article className="prose">{blocks.map((b, i) => <Piece key={i} b={b} page={name} at={`${i + 1}`} />)}</article>
}

function Piece({ b, page, at }: { b: Block; page: string; at: string }): ReactNode {
  switch (b.kind) {
    case 'heading':
      return createElement(`h${Math.min(b.level, 4)}`, b.anchor ? { id: b.anchor, tabIndex: -1 } : {}, <Words list={b.inside} page={page} />)
    case 'paragraph':
      return <p><Words list={b.inside} page={page} /></p>
    case 'code':
      return <Code text={b.text} language={b.language === 'json' ? 'json' : b.language === 'sql' ? 'sql' : 'text'} label={`example ${at}${b.language ? ' in ' + b.language : ''}`} />
    case 'list': {
      const items = b.items.map((list, i) => (
        <li key={i}>
          {list.map((x, j) => (x.kind === 'paragraph' ? <Words key={j} list={x.inside} page={page} /> : <Piece key={j} b={x} page={page} at={`${at}.${i + 1}.${j + 1}`} />))}
        </li>
      ))
      return b.ordered ? <ol>{items}</ol> : <ul>{items}</ul>
    }
    case 'table':
      return (
        <div className="table-box" tabIndex={0} role="region" aria-label={`Table ${at}`}>
          <table className="table">
            <thead><tr>{b.head.map((c, i) => <th key={i} scope="col">{c.length > 0 ? <Words list={c} page={page} /> : <span className="sr">What it means</span>}</th>)}</tr></thead>
            <tbody>{b.rows.map((row, i) => <tr key={i}>{row.map((c, j) => <td key={j}><Words list={c} page={page} /></td>)}</tr>)}</tbody>
          </table>
        </div>
      )
    case 'quote':
      return <blockquote>{b.inside.map((x, i) => <Piece key={i} b={x} page={page} at={`${at}.${i + 1}`} />)}</blockquote>
    case 'rule':
      return <hr />
  }
}

const heights: Record<string, number> = { '1440': 900, '1024': 768, '360': 740 }

/** sizeOf is how large a picture is, by its name, so that its place is kept for it. */
function sizeOf(name: string): { width?: number; height?: number } {
  const width = /-(\d+)-\w+\.png$/.exec(name)?.[1] ?? ''
  return heights[width] ? { width: Number(width), height: heights[width] } : {}
}

function Words({ list, page }: { list: Inline[]; page: string }): ReactNode {
  return list.map((x, i) => {
    switch (x.kind) {
      case 'text':
        return x.text
      case 'code':
        return <code key={i}>{x.text}</code>
      case 'strong':
        return <strong key={i}><Words list={x.inside} page={page} /></strong>
      case 'em':
        return <em key={i}><Words list={x.inside} page={page} /></em>
      case 'image':
        return /^img\/[\w-]+\.png$/.test(x.to) ? <img key={i} src={`/api/v1/docs/${x.to}`} alt={x.text} loading="lazy" {...sizeOf(x.to)} /> : x.text
      case 'link': {
        const to = leads(x.to, page)
        const inside = <Words list={x.inside} page={page} />
        if (!to) return <span key={i}>{inside}</span>
        if ('out' in to) return <a key={i} href={to.out} rel="noreferrer noopener" target="_blank">{inside}</a>
        const [path, anchor] = to.path.split('#')
        if (path === `/docs/${page}` && anchor) return <a key={i} href={`#${anchor}`} onClick={(e) => { e.preventDefault(); jump(anchor) }}>{inside}</a>
        return <Link key={i} to={to.path}>{inside}</Link>
      }
    }
  })
}
