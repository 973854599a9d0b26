import './code.css'
import { useState } from 'react'
import { marksOf, most, prettyEvents, prettyJSON, prettySQL, tokensOfEvents, tokensOfJSON, tokensOfSQL, tokensOfSample, type Token } from '../lib/highlight'
import { pieces } from '../lib/reveal'
import { Button, CopyButton, Ghost } from './kit'

// Text of an agent is shown in text nodes, whatever it looks like.

/** Marked is a text of somebody else, with marks for letters that are not seen and,
 * where the gateway took something out, for that. */
export function Marked({ text, plain }: { text: string; plain?: boolean }) {
  return pieces(text).map((p, i) => {
    if (p.ghost) return <Ghost key={i} letter={p.text} />
    if (plain) return p.text
    return marksOf(p.text).map((m, j) =>
      m.gone ? (
        <mark key={`${i}.${j}`} className="gone" title="The gateway took out what may be a secret">
          {m.text}
        </mark>
      ) : (
        m.text
      ),
    )
  })
}

function Tokens({ list, plain }: { list: Token[]; plain?: boolean }) {
  return list.map((t, i) => {
    const inside = <Marked text={t.text} plain={plain} />
    if (t.kind === 'mark') {
      return (
        <mark key={i} className="ghost" title="A letter that is not seen, or a byte that is no text">
          {t.text}
        </mark>
      )
    }
    return t.kind ? (
      <span key={i} className={`t-${t.kind}`}>
        {inside}
      </span>
    ) : (
      <span key={i}>{inside}</span>
    )
  })
}

export type Language = 'json' | 'events' | 'sql' | 'sample' | 'text'

/** Code shows a text, laid out if its language is known, or as it was sent; of a cut
 * one only the beginning is there. */
export function Code({ text, language, label, cut }: { text: string; language: Language; label: string; cut?: boolean }) {
  const [raw, setRaw] = useState(false)
  const pretty = layOut(text, language, cut)
  const changes = pretty !== null && pretty !== text
  const shown = changes && !raw ? pretty : text
  return (
    <div className="code-box">
      <div className="code-tools">
        {changes && (
          <Button look="bare" onClick={() => setRaw(!raw)}>
            {raw ? 'Lay out' : 'Show as sent'}
          </Button>
        )}
        <CopyButton text={text} label={`Copy ${label}`} />
      </div>
      <pre className="code" tabIndex={0} role="region" aria-label={label} dir="ltr">
        <code>
          <Tokens list={tokens(shown, language)} plain={language === 'sql'} />
        </code>
      </pre>
    </div>
  )
}

function layOut(text: string, language: Language, cut?: boolean): string | null {
  if (text.length > most) return null
  if (language === 'json') return prettyJSON(text, cut)
  if (language === 'events') return prettyEvents(text)
  return language === 'sql' ? prettySQL(text) : null
}

function tokens(s: string, language: Language): Token[] {
  if (s.length > most) return [{ text: s, kind: '' }]
  if (language === 'json') return tokensOfJSON(s)
  if (language === 'events') return tokensOfEvents(s)
  if (language === 'sql') return tokensOfSQL(s)
  if (language === 'sample') return tokensOfSample(s)
  return [{ text: s, kind: '' }]
}

/** Sample shows what the gateway would send, part by part: its own words plain,
 * the agent's behind a margin. */
export function Sample({ sample, hidden }: { sample: string; hidden: number }) {
  const blocks = blocksOf(sample)
  return (
    <div className="sample">
      {blocks.map((b, i) =>
        b.agent ? (
          <Code key={i} text={b.text} language={languageOf(b.text, blocks[i - 1]?.text)} label="what the agent sends" />
        ) : (
          <pre key={i} className="sample-own" dir="ltr">
            <Tokens list={tokensOfSample(b.text)} />
          </pre>
        ),
      )}
      {hidden > 0 && <p className="warn-line">{hidden.toLocaleString('en')} more bytes are not shown here.</p>}
    </div>
  )
}

interface Block {
  agent: boolean
  text: string
}

export function blocksOf(sample: string): Block[] {
  const out: { agent: boolean; lines: string[] }[] = []
  for (const line of sample.replace(/\n$/, '').split('\n')) {
    const agent = line.startsWith('| ') || line === '|'
    const text = agent ? line.slice(2) : line
    const last = out[out.length - 1]
    if (last?.agent === agent) last.lines.push(text)
    else out.push({ agent, lines: [text] })
  }
  return out.map((b) => ({ agent: b.agent, text: b.lines.join('\n') }))
}

function languageOf(text: string, before = ''): Language {
  if (prettyJSON(text) !== null) return 'json'
  const heading = before.split('\n').pop() ?? ''
  if (/^(query|statement|sql|text|prepare|parse)\b/i.test(heading)) return 'sql'
  return 'sample'
}
