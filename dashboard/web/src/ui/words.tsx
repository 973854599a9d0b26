import { useState } from 'react'
import { post } from '../lib/api'
import type { Proposals } from '../lib/types'
import { Field } from './kit'

interface Props {
  name: string
  label: string
  note?: string
  text: string
  set: (text: string) => void
  on: string // what stands around it, so that only what fits is proposed
  divider: string
}

/** WordsField is a list of words in one line. Those that the language knows are
 * proposed. */
export function WordsField({ name, label, note, text, set, on, divider }: Props) {
  const [known, setKnown] = useState<string[] | null>(null)
  const ask = () => {
    if (known) return
    setKnown([])
    const head = `rule "x" {\n  on = ${on}\n  ${name} = ["`
    post<Proposals>('/policy/complete', { files: { 'form.hcl': `${head}"]\n}\n` }, file: 'form.hcl', line: 2, column: head.split('\n')[2]!.length })
      .then((got) => setKnown(got.items.map((i) => i.label)), () => setKnown([]))
  }
  const before = text.slice(0, text.lastIndexOf(divider) + 1)
  const lead = before === '' ? '' : `${before.trimEnd()} `
  const had = text.split(divider).map((w) => w.trim())
  return (
    <Field label={label} note={note}>
      {(id, by) => (
        <>
          <input id={id} aria-describedby={by} className="mono" value={text} list={(known ?? []).length > 0 ? `${id}-words` : undefined} onFocus={ask} onChange={(e) => set(e.target.value)} autoComplete="off" spellCheck={false} />
          {(known ?? []).length > 0 && <datalist id={`${id}-words`}>{known!.filter((w) => !had.includes(w)).map((w) => <option key={w} value={lead + w} />)}</datalist>}
        </>
      )}
    </Field>
  )
}
