import { encode } from 'uqr'

/** QR draws text as a code that a phone reads: one path, no markup from text. */
export default function QR({ text }: { text: string }) {
  const code = encode(text, { ecc: 'L', border: 2 })
  let d = ''
  code.data.forEach((row, y) => row.forEach((on, x) => (d += on ? `M${x} ${y}h1v1h-1z` : '')))
  return (
    <svg className="qr" viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label="The configuration as a QR code" shapeRendering="crispEdges">
      <rect width={code.size} height={code.size} fill="#fff" />
      <path d={d} fill="#000" />
    </svg>
  )
}
