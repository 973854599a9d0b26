import {
  useEffect,
  useId,
  useRef,
  useState,
  useSyncExternalStore,
  type ButtonHTMLAttributes,
  type ComponentProps,
  type MouseEvent,
  type ReactNode,
} from 'react'
import * as D from '@radix-ui/react-dialog'
import { absolute, ago, until } from '../lib/format'
import { ghostName, codePoint, pieces } from '../lib/reveal'
import { go } from '../lib/router'
import type { Problem } from '../lib/api'
import { Icon, type IconName } from './icons'
import { say } from './toast'

export const cx = (...names: (string | false | undefined)[]) => names.filter(Boolean).join(' ')

/** Link goes to a page without loading the document again. */
export function Link({ to, children, ...rest }: { to: string } & Omit<ComponentProps<'a'>, 'href'>) {
  const follow = (e: MouseEvent<HTMLAnchorElement>) => {
    rest.onClick?.(e)
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return
    e.preventDefault()
    go(to)
  }
  return (
    <a {...rest} href={to} onClick={follow}>
      {children}
    </a>
  )
}

/** Foreign shows a string that an agent or an upstream chose: what it hides is
 * marked, and its direction is its own. */
export function Foreign({ text, className }: { text: string; className?: string }) {
  const list = pieces(text)
  return (
    <bdi className={cx('foreign', className)}>
      {list.map((p, i) => (p.ghost ? <Ghost key={i} letter={p.text} /> : p.text))}
    </bdi>
  )
}

export function Ghost({ letter }: { letter: string }) {
  return (
    <mark className="ghost" title={ghostName(letter)}>
      {codePoint(letter)}
    </mark>
  )
}

type Tone = 'plain' | 'allow' | 'ask' | 'deny' | 'accent' | 'quiet'

export function Badge({ tone = 'plain', children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`badge ${tone}`}>{children}</span>
}

export function VerdictBadge({ verdict }: { verdict: string | undefined }) {
  const tone: Tone = verdict === 'allow' || verdict === 'ask' || verdict === 'deny' ? verdict : 'plain'
  return <Badge tone={tone}>{verdict ?? 'gap'}</Badge>
}

const states = { active: 'allow', waiting: 'ask', frozen: 'deny', expired: 'quiet' } as const

export const StateBadge = ({ state }: { state: keyof typeof states }) => <Badge tone={states[state] ?? 'plain'}>{state}</Badge>

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: 'plain' | 'main' | 'danger' | 'bare'
  icon?: IconName
  busy?: boolean
  hint?: string
}

export function Button({ look = 'plain', icon, busy, hint, children, className, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} className={cx('button', look, !children && 'square', className)} aria-busy={busy || undefined} disabled={rest.disabled || busy}>
      {icon && <Icon name={icon} />}
      {children}
      {hint && <kbd>{hint}</kbd>}
    </button>
  )
}

// One clock for all relative times: it ticks while something shows one.
const clockWatchers = new Set<() => void>()
let clockNow = Date.now()
let clockTimer = 0

function watchClock(w: () => void) {
  clockWatchers.add(w)
  if (!clockTimer) {
    clockNow = Date.now()
    clockTimer = window.setInterval(() => {
      clockNow = Date.now()
      for (const each of clockWatchers) each()
    }, 1000)
  }
  return () => {
    clockWatchers.delete(w)
    if (clockWatchers.size === 0) {
      clearInterval(clockTimer)
      clockTimer = 0
    }
  }
}

export const useNow = () => useSyncExternalStore(watchClock, () => clockNow)

/** Time says how long ago, and when exactly on hover. */
export function Time({ at }: { at: string | undefined }) {
  const now = useNow()
  if (!at) return <span className="quiet">never</span>
  return (
    <time dateTime={at} title={absolute(at)}>
      {ago(new Date(at).getTime(), now)}
    </time>
  )
}

/** Until is a moment that is still to come. */
export function Until({ at }: { at: string }) {
  const now = useNow()
  return <time dateTime={at} title={absolute(at)}>until {until(at, now)}</time>
}

export function Empty({ title, children, command }: { title: string; children?: ReactNode; command?: string }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children && <p>{children}</p>}
      {command && <Command text={command} />}
    </div>
  )
}

/** Command is a line for a terminal, with a button that copies it. */
export function Command({ text }: { text: string }) {
  return (
    <div className="command">
      <code>{text.split(' ').map((w, i) => <span key={i}>{i > 0 && ' '}<span className="word">{w}</span></span>)}</code>
      <CopyButton text={text} label="Copy the command" />
    </div>
  )
}

export async function copy(text: string, what = 'Copied') {
  try {
    await navigator.clipboard.writeText(text)
    say(what)
  } catch {
    // Without a secure context there is no clipboard API.
    const area = document.createElement('textarea')
    area.value = text
    area.className = 'off-screen'
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    say(done ? what : 'The browser does not let this page copy; select the text instead.', done ? 'done' : 'failed')
  }
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  return (
    <Button
      look="bare"
      icon={done ? 'check' : 'copy'}
      aria-label={label}
      title={label}
      onClick={() => {
        void copy(text)
        setDone(true)
      }}
    />
  )
}

export function Fault({ problem, retry }: { problem: Problem; retry?: () => void }) {
  return (
    <div className="fault" role="alert">
      <Icon name="warn" />
      <div>
        <p>
          <Foreign text={sentence(problem.detail)} />
        </p>
        {problem.cure && <p className="quiet">{problem.cure}</p>}
      </div>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  )
}

export function sentence(s: string): string {
  const t = s.trim()
  return t === '' ? '' : t[0]!.toUpperCase() + t.slice(1) + (/[.!?:]$/.test(t) ? '' : '.')
}

export function Skeleton({ lines = 5 }: { lines?: number }) {
  return (
    <div className="skeleton" aria-hidden="true">
      {Array.from({ length: lines }, (_, i) => (
        <div key={i} className="bone" />
      ))}
    </div>
  )
}

interface ModalProps {
  title: string
  note?: string
  open: boolean
  onClose: () => void
  children: ReactNode
  side?: boolean
  wide?: boolean
  /** what it shows is shown once: a click beside it does not close it */
  once?: boolean
}

/** begin puts the keyboard where somebody goes on: the first field, else the button
 * that does what the dialog is for, unless that cannot be taken back. */
function begin(e: Event) {
  const box = e.currentTarget as HTMLElement | null
  const first = ['[data-first]', 'input:not([readonly], [type=file], [type=checkbox]), textarea:not([readonly]), select', '.dialog-foot .main', '.dialog-foot .button', 'button, a[href]']
    .map((at) => box?.querySelector<HTMLElement>(at))
    .find(Boolean)
  if (!first) return
  e.preventDefault()
  first.focus()
}

/** useReturn gives the keyboard back to what opened a dialog, or to the page that it
 * led to. */
export function useReturn(open: boolean) {
  const was = useRef<Element | null>(null)
  const page = useRef('')
  const before = useRef(false)
  if (open && !before.current) {
    was.current = document.activeElement
    page.current = location.pathname
  }
  before.current = open
  return (e: Event) => {
    e.preventDefault()
    const stays = page.current === location.pathname && was.current instanceof HTMLElement && was.current.isConnected && was.current !== document.body
    const back = stays ? (was.current as HTMLElement) : document.getElementById('main')
    back?.focus({ preventScroll: true })
  }
}

export function Modal({ title, note, open, onClose, children, side, wide, once }: ModalProps) {
  const back = useReturn(open)
  return (
    <D.Root open={open} onOpenChange={(o) => !o && onClose()}>
      <D.Portal>
        <D.Overlay className="veil" />
        <D.Content className={cx(side ? 'sheet' : 'dialog', wide && 'wide')} onOpenAutoFocus={begin} onCloseAutoFocus={back} onInteractOutside={(e) => once && e.preventDefault()} {...(note ? {} : { 'aria-describedby': undefined })}>
          <header className="dialog-head">
            <D.Title className="dialog-title">{title}</D.Title>
            <D.Close asChild>
              <Button look="bare" icon="close" aria-label="Close" />
            </D.Close>
          </header>
          {note && <D.Description className="dialog-note">{note}</D.Description>}
          {children}
        </D.Content>
      </D.Portal>
    </D.Root>
  )
}

interface ConfirmProps {
  title: string
  note: string
  verb: string
  open: boolean
  danger?: boolean
  onClose: () => void
  act: () => Promise<void>
}

/** Confirm asks once more before what cannot be taken back. */
export function Confirm({ title, note, verb, open, danger, onClose, act }: ConfirmProps) {
  const [busy, setBusy] = useState(false)
  const run = async () => {
    setBusy(true)
    try {
      await act()
      onClose()
    } finally {
      setBusy(false)
    }
  }
  return (
    <Modal title={title} note={note} open={open} onClose={onClose}>
      <footer className="dialog-foot">
        <Button onClick={onClose}>Cancel</Button>
        <Button look={danger ? 'danger' : 'main'} busy={busy} onClick={() => void run()}>
          {verb}
        </Button>
      </footer>
    </Modal>
  )
}

export function Field({ label, note, error, children }: { label: string; note?: string; error?: string; children: (id: string, describedBy: string) => ReactNode }) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(id, `${id}-note`)}
      <p id={`${id}-note`} className={error ? 'field-error' : 'field-note'} role={error ? 'alert' : undefined}>
        {error ?? note ?? ''}
      </p>
    </div>
  )
}

export function PageHead({ title, children, note }: { title: string; note?: ReactNode; children?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Sallyport`
  }, [title])
  return (
    <header className="page-head">
      <div>
        <h1>{title}</h1>
        {note && <p className="quiet">{note}</p>}
      </div>
      {children && <div className="page-tools">{children}</div>}
    </header>
  )
}

export function Panel({ title, tools, children, className }: { title: string; tools?: ReactNode; children: ReactNode; className?: string }) {
  const id = useId()
  return (
    <section className={cx('panel', className)} aria-labelledby={id}>
      <header className="panel-head">
        <h2 id={id}>{title}</h2>
        {tools}
      </header>
      {children}
    </section>
  )
}

/** Facts is a list of names and values. */
export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {rows
        .filter(([, v]) => v !== undefined && v !== null && v !== '' && v !== false)
        .map(([k, v]) => (
          <div key={k}>
            <dt>{k}</dt>
            <dd>{v}</dd>
          </div>
        ))}
    </dl>
  )
}
