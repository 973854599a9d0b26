/** Refs are things of the policy, of which several may be chosen. */
export function Refs({ label, text, put, all, every, note }: { label: string; text: string; put: (v: string) => void; all: string[]; every?: string; note?: string }) {
  const has = text === '*' ? [] : text.split(/\s+/).filter(Boolean)
  // What is named and not there any more is shown, too.
  const list = [...all, ...has.filter((r) => !all.includes(r))]
  if (list.length === 0) return null
  return (
    <fieldset className="field">
      <legend>{label}</legend>
      <div className="checks-row">
        {every && (
          <label className="check">
            <input type="checkbox" checked={text === '*'} onChange={(e) => put(e.target.checked ? '*' : '')} />
            {every}
          </label>
        )}
        {text !== '*' && list.map((r) => (
          <label key={r} className="check">
            <input type="checkbox" checked={has.includes(r)} onChange={(e) => put((e.target.checked ? [...has, r] : has.filter((x) => x !== r)).join(' '))} />
            {r.slice(r.indexOf('.') + 1)}
          </label>
        ))}
      </div>
      {note && <p className="field-note">{note}</p>}
    </fieldset>
  )
}
