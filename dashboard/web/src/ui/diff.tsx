/** Diff shows a unified diff, a line for each of its lines. */
export function Diff({ text, label }: { text: string; label: string }) {
  return (
    <pre className="code diff" tabIndex={0} role="region" aria-label={label}>
      {text.replace(/\n$/, '').split('\n').map((line, i) => (
        <span key={i} className={kind(line)}>
          {line + '\n'}
        </span>
      ))}
    </pre>
  )
}

function kind(line: string): string {
  if (line.startsWith('+++') || line.startsWith('---') || line.startsWith('@@')) return 'd-head'
  if (line.startsWith('+')) return 'd-in'
  if (line.startsWith('-')) return 'd-out'
  return 'd-same'
}
