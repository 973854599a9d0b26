import { useEffect, useRef } from 'react'
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, snippetCompletion, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { Compartment, EditorState } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { tags as t } from '@lezer/highlight'
import type { Finding, Proposals, Proposed } from '../lib/types'
import { hcl } from './hcl'

interface Props {
  name: string
  text: string // another text begins anew
  readOnly: boolean
  findings: Finding[]
  propose: (text: string, line: number, column: number, signal: AbortSignal) => Promise<Proposals>
  at?: number // line to begin at
  /** a field of a form: as high as its text, and Tab leaves it */
  slim?: boolean
  label?: string // "Text of NAME" where none is given
  onChange: (text: string) => void
  onSave?: () => void
  onFormat?: () => void
  /** is told how to put another text in place of what stands there */
  onReady?: (put: (text: string) => void) => void
}

const colours = HighlightStyle.define([
  { tag: t.comment, color: 'var(--quiet)', fontStyle: 'italic' },
  { tag: t.string, color: 'var(--allow)' },
  { tag: t.number, color: 'light-dark(#9a4a08, #f3b070)' },
  { tag: t.atom, color: 'var(--accent)', fontWeight: '600' },
  { tag: t.keyword, color: 'var(--accent)', fontWeight: '600' },
  { tag: t.propertyName, color: 'light-dark(#5a3aa8, #c2a8ff)' },
])

const theme = EditorView.theme({
  '&': { height: '100%', fontSize: '13px', backgroundColor: 'var(--surface)', color: 'var(--text)' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55' },
  '.cm-gutters': { backgroundColor: 'var(--sunk)', color: 'var(--quiet)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--accent-soft) 45%, transparent)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-soft) !important' },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', border: '1px solid var(--line)', borderRadius: '6px', color: 'var(--text)' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent-soft)', color: 'var(--text)' },
  '.cm-completionInfo': { whiteSpace: 'pre-wrap', maxWidth: '44ch' },
  '.cm-panels': { backgroundColor: 'var(--sunk)', color: 'var(--text)' },
  // The library's own marks are images in the style, which the policy refuses.
  '.cm-lintRange': { backgroundImage: 'none !important', textDecoration: 'underline wavy', textUnderlineOffset: '3px' },
  '.cm-lintRange-error': { textDecorationColor: 'var(--deny-strong)' },
  '.cm-lintRange-warning': { textDecorationColor: 'var(--ask)' },
  '.cm-lint-marker': { content: '"" !important', borderRadius: '50%', width: '9px', height: '9px', margin: '5px 2px' },
  '.cm-lint-marker-error': { content: '"" !important', backgroundColor: 'var(--deny-strong)' },
  '.cm-lint-marker-warning': { content: '"" !important', backgroundColor: 'var(--ask)' },
  '.cm-diagnostic': { whiteSpace: 'pre-wrap', maxWidth: '60ch' },
  '.cm-matchingBracket': { backgroundColor: 'var(--accent-soft)' },
})

const slimTheme = EditorView.theme({ '&': { height: 'auto' }, '.cm-content': { padding: '5px 0', minHeight: '30px' }, '.cm-line': { padding: '0 9px' } })

const types: Record<string, string> = { attribute: 'property', block: 'class', function: 'function', fact: 'variable', reference: 'constant', word: 'enum' }

/** option is a proposal as the editor takes it. */
function option(p: Proposed): Completion {
  const c: Completion = { label: p.label, type: types[p.kind] ?? 'text' }
  if (p.detail) c.detail = p.detail
  if (p.doc) c.info = p.doc.replaceAll('**', '')
  return p.insert.includes('$0') ? snippetCompletion(p.insert.replaceAll('$0', '${}'), c) : { ...c, apply: p.insert }
}

/** put replaces no more of a text than differs, so that the cursor stays. */
function put(v: EditorView, text: string) {
  const old = v.state.doc.toString()
  let from = 0
  while (from < old.length && old[from] === text[from]) from++
  let back = 0
  while (back < Math.min(old.length, text.length) - from && old[old.length - 1 - back] === text[text.length - 1 - back]) back++
  if (old !== text) v.dispatch({ changes: { from, to: old.length - back, insert: text.slice(from, text.length - back) }, userEvent: 'input.format' })
}

const nonce = () => document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? ''

export default function Editor(p: Props) {
  const box = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const now = useRef(p)
  now.current = p
  const writable = useRef(new Compartment())

  useEffect(() => {
    const complete = async (c: CompletionContext): Promise<CompletionResult | null> => {
      if (now.current.readOnly || (!c.explicit && !c.matchBefore(/[\w.\-"[]$/))) return null
      const line = c.state.doc.lineAt(c.pos)
      const quotes = line.text.slice(0, c.pos - line.from).match(/(?<!\\)"/g)?.length ?? 0
      if (!c.explicit && quotes > 0 && quotes % 2 === 0 && c.matchBefore(/"$/)) return null // a string that ends
      const stop = new AbortController()
      c.addEventListener('abort', () => stop.abort())
      try {
        const got = await now.current.propose(c.state.doc.toString(), line.number - 1, c.pos - line.from, stop.signal)
        const from = c.pos - got.before
        return { from, options: got.items.map(option), validFor: c.state.sliceDoc(from, c.pos).includes('.') ? /^[\w.-]*$/ : /^[\w-]*$/ }
      } catch {
        return null // the check of the draft says what is wrong
      }
    }
    const v = new EditorView({
      parent: box.current!,
      state: EditorState.create({
        doc: p.text,
        extensions: [
          EditorView.cspNonce.of(nonce()),
          history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(), highlightSelectionMatches(),
          p.slim ? [EditorView.lineWrapping, slimTheme] : [lineNumbers(), highlightActiveLine(), lintGutter()],
          hcl, syntaxHighlighting(colours), theme,
          autocompletion({ override: [complete] }),
          writable.current.of(EditorState.readOnly.of(p.readOnly)),
          EditorState.tabSize.of(2),
          EditorView.contentAttributes.of({ 'aria-label': p.label ?? `Text of ${p.name}`, tabindex: '0' }),
          keymap.of([
            { key: 'Shift-Alt-f', run: () => (now.current.onFormat?.(), true) },
            { key: 'Mod-s', run: () => (now.current.onSave?.(), true) },
            ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap,
            { key: 'Escape', run: (e) => (e.contentDOM.blur(), true) },
            ...(p.slim ? [] : [indentWithTab]),
          ]),
          EditorView.updateListener.of((u) => u.docChanged && now.current.onChange(u.state.doc.toString())),
        ],
      }),
    })
    view.current = v
    now.current.onReady?.((text) => put(v, text))
    if (p.at && p.at <= v.state.doc.lines) {
      v.dispatch({ effects: EditorView.scrollIntoView(v.state.doc.line(p.at).from, { y: 'start', yMargin: 20 }) })
    }
    return () => v.destroy()
    // Another text or file is another editor; all else reaches it by `now`.
  }, [p.text, p.name])

  useEffect(() => {
    view.current?.dispatch({ effects: writable.current.reconfigure(EditorState.readOnly.of(p.readOnly)) })
  }, [p.readOnly])

  useEffect(() => {
    const v = view.current
    if (!v) return
    const end = v.state.doc.length
    const list: Diagnostic[] = p.findings.map((f) => {
      const from = Math.min(f.start?.offset ?? 0, end)
      return {
        from,
        to: Math.min(Math.max(f.end?.offset ?? from, from), end),
        severity: f.severity === 'error' ? 'error' : 'warning',
        message: f.detail ? `${f.summary}: ${f.detail}` : f.summary,
      }
    })
    v.dispatch(setDiagnostics(v.state, list))
  }, [p.findings, p.text, p.name])

  return <div className={p.slim ? 'editor slim' : 'editor'} ref={box} />
}
