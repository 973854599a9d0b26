import { lazy, Suspense, useCallback, useEffect, useRef, useState, type ReactNode } from 'react'
import { del, get, problem, whenRefused, type Problem } from './lib/api'
import { typing, useKeys } from './lib/keys'
import { startLive, stopLive, useLiveState } from './lib/live'
import { forget, useResource } from './lib/resource'
import { go, match, usePlace } from './lib/router'
import { setTheme, useTheme } from './lib/theme'
import type { Approval, Standing, Status } from './lib/types'
import { useWho, Who } from './lib/who'
import { whenClicked } from './lib/worker'
import { Boundary } from './ui/boundary'
import { Icon } from './ui/icons'
import { Button, cx, Fault, Foreign, Link, Modal, PageHead } from './ui/kit'
import { attempt, Toasts } from './ui/toast'
import { HomePage } from './pages/home'
import { nav } from './nav'

const LoginPage = lazy(() => import('./pages/login').then((m) => ({ default: m.LoginPage })))
const SetupPage = lazy(() => import('./pages/login').then((m) => ({ default: m.SetupPage })))
const NoRight = lazy(() => import('./pages/login').then((m) => ({ default: m.NoRight })))
const ProvenPage = lazy(() => import('./pages/login').then((m) => ({ default: m.ProvenPage })))
const StepUp = lazy(() => import('./pages/login').then((m) => ({ default: m.StepUp })))
const Palette = lazy(() => import('./palette').then((m) => ({ default: m.Palette })))
const ActivityPage = lazy(() => import('./pages/activity').then((m) => ({ default: m.ActivityPage })))
const ActionPage = lazy(() => import('./pages/action').then((m) => ({ default: m.ActionPage })))
const ApprovalsPage = lazy(() => import('./pages/approvals').then((m) => ({ default: m.ApprovalsPage })))
const AgentsPage = lazy(() => import('./pages/agents').then((m) => ({ default: m.AgentsPage })))
const AgentPage = lazy(() => import('./pages/agents').then((m) => ({ default: m.AgentPage })))
const ServicesPage = lazy(() => import('./pages/services').then((m) => ({ default: m.ServicesPage })))
const GalleryPage = lazy(() => import('./pages/gallery').then((m) => ({ default: m.GalleryPage })))
const DocsPage = lazy(() => import('./pages/docs').then((m) => ({ default: m.DocsPage })))
const TrialPage = lazy(() => import('./pages/trial').then((m) => ({ default: m.TrialPage })))
const SessionsPage = lazy(() => import('./pages/sessions').then((m) => ({ default: m.SessionsPage })))
const SessionPage = lazy(() => import('./pages/sessions').then((m) => ({ default: m.SessionPage })))
const PolicyPage = lazy(() => import('./pages/policy').then((m) => ({ default: m.PolicyPage })))
const RolePage = lazy(() => import('./pages/role').then((m) => ({ default: m.RolePage })))
const RulePage = lazy(() => import('./pages/rule').then((m) => ({ default: m.RulePage })))
const UsagePage = lazy(() => import('./pages/usage').then((m) => ({ default: m.UsagePage })))
const AuditPage = lazy(() => import('./pages/audit').then((m) => ({ default: m.AuditPage })))
const SettingsPage = lazy(() => import('./pages/settings').then((m) => ({ default: m.SettingsPage })))

function page(path: string): ReactNode {
  let m: Record<string, string> | null
  if (path === '/') return <HomePage />
  if (match('/activity', path)) return <ActivityPage />
  if ((m = match('/actions/:id', path))) return <ActionPage key={m.id} id={m.id!} />
  if (match('/sessions', path)) return <SessionsPage />
  if ((m = match('/sessions/:id', path))) return <SessionPage key={m.id} id={m.id!} />
  if (match('/approvals', path)) return <ApprovalsPage />
  if ((m = match('/approvals/:id', path))) return <Moved to={`/approvals?id=${encodeURIComponent(m.id!)}`} />
  if (match('/agents', path)) return <AgentsPage />
  if (match('/roles/edit', path)) return <RolePage />
  if ((m = match('/agents/:name', path))) return <AgentPage key={m.name} name={m.name!} />
  if (match('/services', path)) return <ServicesPage />
  if (match('/services/new', path)) return <GalleryPage />
  if (match('/policy', path)) return <PolicyPage />
  if (match('/policy/new', path)) return <RulePage />
  if (match('/usage', path)) return <UsagePage />
  if (match('/policy/test', path)) return <TrialPage />
  if (match('/docs', path)) return <DocsPage name="" />
  if ((m = match('/docs/:name', path))) return <DocsPage name={m.name!} />
  if (match('/audit', path)) return <AuditPage />
  if (match('/settings', path)) return <SettingsPage />
  if (path === '/login' || path === '/setup') return <Moved to="/" /> // who comes is in already
  return <NotFound />
}

function Moved({ to }: { to: string }) {
  useEffect(() => go(to, 'replace'), [to])
  return null
}

function NotFound() {
  return (
    <>
      <PageHead title="There is no such page" />
      <p>The address may be mistyped. <Link to="/">Go home</Link>, or press <kbd>?</kbd> for what there is.</p>
    </>
  )
}

const Later = ({ children }: { children: ReactNode }) => <Suspense fallback={null}>{children}</Suspense>

type Session = { standing: Standing } | { fault: Problem } | null

/** App finds out who looks, and shows the pages, or the way in. */
export function App() {
  const [session, setSession] = useState<Session>(null)
  const [asking, setAsking] = useState(false)
  const answer = useRef<((proven: boolean) => void) | null>(null)
  const { path } = usePlace()

  const look = useCallback(async () => {
    try {
      setSession({ standing: await get<Standing>('/session', { quiet: true }) })
    } catch (err) {
      setSession({ fault: problem(err) })
    }
  }, [])

  useEffect(() => {
    whenRefused(
      () => void look(),
      () =>
        new Promise((done) => {
          answer.current = done
          setAsking(true)
        }),
    )
    void look()
  }, [look])

  const proven = (ok: boolean) => {
    setAsking(false)
    answer.current?.(ok)
    answer.current = null
  }
  const other = () => {
    proven(false)
    forget()
    void look()
  }
  const entered = () => {
    if (path === '/login' || path === '/setup') go('/', 'replace')
    forget()
    void look()
  }

  if (!session) return null
  if ('fault' in session) {
    return (
      <main className="gate" id="main">
        <h1 className="sr">Sallyport</h1>
        <Fault problem={session.fault} retry={() => void look()} />
      </main>
    )
  }
  const { standing } = session
  const token = path === '/setup' ? location.hash.slice(1) : ''
  if (token && !standing.caller) return <Later><SetupPage token={token} onDone={entered} onLeave={() => void look()} /></Later>
  if (!standing.caller) return <Later><LoginPage standing={standing} onDone={entered} /></Later>
  if (path === '/proven') return <Later><ProvenPage name={standing.caller.person.name} /></Later>
  if (standing.caller.rights.length === 0) return <Later><NoRight name={standing.caller.person.name} /></Later>
  return (
    <Who.Provider value={standing.caller}>
      <Shell onOut={() => void look()} />
      {asking && <Later><StepUp open ways={standing.step_up} onEnd={proven} onOther={other} /></Later>}
      <Toasts />
    </Who.Provider>
  )
}

function Shell({ onOut }: { onOut: () => void }) {
  const { path } = usePlace()
  const [palette, setPalette] = useState(false)
  const [help, setHelp] = useState(false)
  const [menu, setMenu] = useState(false)
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)
  useGoKeys()
  useKeys({ '?': () => setHelp(true) })

  useEffect(() => {
    startLive()
    return stopLive
  }, [])
  useEffect(() => whenClicked((url) => go(url)), [])
  const who = useWho()
  const me = who?.person.name
  const login = who?.session
  useEffect(() => {
    if (me && 'Notification' in window && Notification.permission === 'granted') void import('./lib/push').then((m) => m.renew(me))
  }, [me, login])
  const typed = usePaletteKeys(palette, setPalette)
  // A page that was gone to begins at its top, and so does the keyboard.
  useEffect(() => {
    setMenu(false)
    if (first.current) {
      first.current = false
      return
    }
    main.current?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [path])

  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus() }}>Skip to the page</a>
      <header className="topbar">
        <Button look="bare" icon="menu" aria-label="Pages" onClick={() => setMenu(true)} />
        <Link to="/" className="brand"><img src="/favicon.svg" alt="" width="20" height="20" />Sallyport</Link>
        <PendingLink />
        <Button look="bare" icon="search" aria-label="Go to or do" onClick={() => setPalette(true)} />
      </header>
      <header className="side">
        <Link to="/" className="brand"><img src="/favicon.svg" alt="" width="22" height="22" />Sallyport</Link>
        <button type="button" className="finder" onClick={() => setPalette(true)}><Icon name="search" />Go to or do<kbd>{isMac() ? '⌘K' : 'Ctrl K'}</kbd></button>
        <Nav path={path} />
        <SideFoot onOut={onOut} onHelp={() => setHelp(true)} />
      </header>
      <main className="main" id="main" ref={main} tabIndex={-1}>
        <Boundary key={path}>
          <Suspense fallback={null}>{page(path)}</Suspense>
        </Boundary>
      </main>
      <Modal title="Pages" open={menu} onClose={() => setMenu(false)} side>
        <Nav path={path} />
        <SideFoot onOut={onOut} onHelp={() => { setMenu(false); setHelp(true) }} />
      </Modal>
      {palette && <Later><Palette open first={typed} onClose={() => setPalette(false)} onHelp={() => setHelp(true)} /></Later>}
      <Help open={help} onClose={() => setHelp(false)} />
    </div>
  )
}

const isMac = () => /mac|iphone|ipad/i.test(navigator.platform)

function usePending(): number {
  const { data } = useResource<Approval[]>('/approvals?past=30')
  const live = useLiveState()
  if (live.pending >= 0) return live.pending
  return (data ?? []).filter((a) => a.state === 'pending').length
}

function Nav({ path }: { path: string }) {
  const pending = usePending()
  const here = (to: string) => (to === '/' ? path === '/' : path.startsWith(to) || (to === '/activity' && path.startsWith('/actions')) || (to === '/agents' && path.startsWith('/roles')))
  return (
    <nav className="nav" aria-label="Pages">
      {nav.map((n) => (
        <Link key={n.to} to={n.to} className={cx('nav-item', here(n.to) && 'here')} aria-current={here(n.to) ? 'page' : undefined}>
          <Icon name={n.icon} />
          <span>{n.name}</span>
          {n.to === '/approvals' && pending > 0 && <span className="bubble">{pending}<span className="sr"> waiting</span></span>}
        </Link>
      ))}
    </nav>
  )
}

function PendingLink() {
  const pending = usePending()
  if (pending === 0) return <span className="spring" />
  return (
    <Link to="/approvals" className="pending-link"><Icon name="approvals" />{pending}<span className="sr"> actions wait for an answer</span></Link>
  )
}

function SideFoot({ onOut, onHelp }: { onOut: () => void; onHelp: () => void }) {
  const { data: s } = useResource<Status>('/status')
  const live = useLiveState()
  const ok = s?.ready === 'ready' && live.state !== 'lost'
  return (
    <div className="side-foot">
      <div className="gateway-state">
        <span className={cx('dot', ok ? 'good' : 'bad')} aria-hidden="true" />
        <span>{live.state === 'lost' ? 'connection lost' : !s ? 'looking' : s.ready === 'ready' ? 'gateway ready' : 'gateway not ready'}</span>
      </div>
      <Who.Consumer>
        {(who) => who && (
          <div className="me">
            <span className="clip" title={who.person.name}><Foreign text={who.person.name} /></span>
            <ThemeButton />
            <Button look="bare" aria-label="Keys and help" title="Keys and help (?)" onClick={onHelp}>?</Button>
            {who.session && <Button look="bare" icon="out" aria-label="Log out" title="Log out" onClick={() => void attempt(() => leave(), 'Logged out').then(onOut)} />}
          </div>
        )}
      </Who.Consumer>
    </div>
  )
}

async function leave() {
  if ('Notification' in window && Notification.permission === 'granted') await (await import('./lib/push')).leave()
  try {
    await del('/session')
  } catch (err) {
    if (!(err instanceof SyntaxError)) throw err // the answer has no body
  }
  forget()
}

function ThemeButton() {
  const theme = useTheme()
  const next = theme === 'system' ? 'light' : theme === 'light' ? 'dark' : 'system'
  return (
    <Button
      look="bare"
      icon={theme === 'system' ? 'auto' : theme === 'light' ? 'sun' : 'moon'}
      aria-label={`Theme: ${theme}. Change to ${next}`}
      title={`Theme: ${theme}`}
      onClick={() => setTheme(next)}
    />
  )
}

/** usePaletteKeys opens the palette, and keeps for it what is typed while it is still
 * on its way. */
function usePaletteKeys(open: boolean, set: (open: boolean) => void) {
  const early = useRef('')
  const is = useRef(open)
  is.current = open
  useEffect(() => {
    if (!open) early.current = ''
  }, [open])
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === 'k') {
        e.preventDefault()
        e.stopPropagation()
        early.current = ''
        is.current = !is.current
        set(is.current)
        return
      }
      if (!is.current || e.metaKey || e.ctrlKey || e.altKey || document.querySelector('.palette')) return
      if (e.key === 'Backspace') early.current = early.current.slice(0, -1)
      else if (e.key === 'Escape') set(false)
      else if (e.key.length === 1) early.current += e.key
      else return
      e.preventDefault()
      e.stopPropagation()
    }
    addEventListener('keydown', press, true)
    return () => removeEventListener('keydown', press, true)
  }, [set])
  return () => early.current
}

const never = -Infinity

/** useGoKeys goes to a page by g and its letter. */
function useGoKeys() {
  const armed = useRef(never)
  // When a key was pressed counts, not when a busy page comes to it.
  const inTime = (e: KeyboardEvent) => e.timeStamp - armed.current < 1200
  const keys: Record<string, (e: KeyboardEvent) => void> = {
    g: (e) => {
      if (inTime(e)) go('/agents')
      armed.current = e.timeStamp
    },
  }
  for (const n of nav) {
    if (n.key === 'g') continue
    keys[n.key] = (e) => {
      if (inTime(e)) go(n.to)
      armed.current = never
    }
  }
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      // Letters that a page also takes are this one's only behind a g.
      if (e.key !== 'g' && !inTime(e)) return
      if (e.metaKey || e.ctrlKey || e.altKey || typing(e)) return
      if (document.querySelector('[role=dialog]')) return
      const act = keys[e.key]
      if (!act) {
        armed.current = never // it was another key
        return
      }
      e.preventDefault()
      e.stopImmediatePropagation()
      act(e)
    }
    addEventListener('keydown', press, true)
    return () => removeEventListener('keydown', press, true)
  })
}

function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  const keys: [string, string][] = [
    ['Ctrl K', 'go to a page, an agent or an action, or do something'],
    ...nav.map((n): [string, string] => [`g ${n.key}`, n.name]),
    ['?', 'this list'],
    ['/', 'write a query (Activity)'],
    ['p', 'pause and resume (Activity), replay (a session)'],
    ['↑ ↓ Enter', 'move in the list, open an action'],
    ['j k', 'next and previous (Approvals, a session)'],
    ['a d', 'approve, deny (Approvals)'],
    ['r', 'make it a rule (Approvals)'],
    ['e', 'write the reason (Approvals)'],
    ['n', 'enrol an agent (Agents)'],
    ['Esc', 'close what is open'],
  ]
  return (
    <Modal title="Keys" open={open} onClose={onClose}>
      <dl className="keys">
        {keys.map(([k, what]) => (
          <div key={k}>
            <dt>{k.split(' ').map((x) => <kbd key={x}>{x}</kbd>)}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="quiet small">A query is made of terms such as <code>agent:ci</code>, <code>verdict:deny</code>, <code>asked:yes</code>, <code>!service:github</code>, <code>since:2h</code> and text; all must hold. It is what <code>sallyport log</code> takes, too.</p>
    </Modal>
  )
}
