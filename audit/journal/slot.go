package journal

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
)

// The file is a header (magic, count of missing records, its complement) and the
// slots. A slot is two halves, each with a checksum: one that was written only in
// part is not there. The second half counts only for the use of the slot that it
// was written for.
const (
	magic      = "sallyport journal 1\n\x00\x00\x00\x00"
	headerSize = 512
	slotSize   = 512

	missingAt = 32

	sumAt, lenAt, verdictAt, useAt, timeAt, textAt = 0, 4, 6, 8, 16, 24 // of the first half

	endAt                                                                 = 416
	endSumAt, endVerdictAt, endFailedAt, endLenAt, endNumbersAt, statusAt = endAt, endAt + 4, endAt + 5, endAt + 6, endAt + 8, endAt + 40
)

// The most that is kept of each text, in the order of texts. The summary gets
// what is left, which is no less than 100 bytes.
const (
	maxID      = 40
	maxAgent   = 40
	maxService = 40
	maxWord    = 16
	maxSession = 24
	maxRule    = 48
)

// encode fills the first half.
func encode(b []byte, sums *crc32.Table, use uint64, a *action.Action, d action.Decision) {
	var agentID, agent, service, protocol string
	if a.Peer != nil {
		agentID, agent = a.Peer.ID, a.Peer.Name
	}
	if a.Service != nil {
		service, protocol = a.Service.Name, a.Service.Protocol
	}
	t := b[textAt:textAt:endAt]
	t = put(t, a.ID, maxID)
	t = put(t, agentID, maxAgent)
	t = put(t, agent, maxAgent)
	t = put(t, service, maxService)
	t = put(t, protocol, maxWord)
	t = put(t, a.Kind, maxWord)
	t = put(t, a.Session, maxSession)
	t = put(t, d.Rule, maxRule)
	t = put(t, a.Summary, min(cap(t)-len(t)-1, 255))

	end := textAt + len(t)
	binary.LittleEndian.PutUint16(b[lenAt:], uint16(end))
	b[verdictAt] = byte(d.Verdict)
	binary.LittleEndian.PutUint64(b[useAt:], use)
	binary.LittleEndian.PutUint64(b[timeAt:], uint64(a.Time.UnixNano()))
	binary.LittleEndian.PutUint32(b[sumAt:], crc32.Checksum(b[lenAt:end], sums))
}

// put appends s behind its length; most is below 256.
func put(b []byte, s string, most int) []byte {
	s = s[:min(len(s), most)]
	return append(append(b, byte(len(s))), s...)
}

// encodeEnd fills the second half.
func encodeEnd(b []byte, sums *crc32.Table, d action.Decision, res action.Result) {
	b[endVerdictAt], b[endFailedAt] = byte(d.Verdict), 0
	if res.Failed {
		b[endFailedAt] = 1
	}
	for i, n := range [...]int64{int64(res.Duration), res.Sent, res.Received, res.Rows} {
		binary.LittleEndian.PutUint64(b[endNumbersAt+8*i:], uint64(n))
	}
	b[endLenAt] = byte(copy(b[statusAt:slotSize], res.Status))
	binary.LittleEndian.PutUint32(b[endSumAt:], endSum(b, sums))
}

// endSum is over the use of the slot, too.
func endSum(b []byte, sums *crc32.Table) uint32 {
	return crc32.Update(crc32.Checksum(b[useAt:useAt+8], sums), sums, b[endVerdictAt:statusAt+int(b[endLenAt])])
}

// erase makes a slot one that holds nothing.
func erase(b []byte) { binary.LittleEndian.PutUint64(b, 0) }

// decode gives the record of a slot, if there is a whole note in it.
func decode(b []byte, sums *crc32.Table) (record.Record, bool) {
	end := int(binary.LittleEndian.Uint16(b[lenAt:]))
	if end < textAt || end > endAt || crc32.Checksum(b[lenAt:end], sums) != binary.LittleEndian.Uint32(b[sumAt:]) {
		return record.Record{}, false
	}
	r := record.Record{
		Time:    time.Unix(0, int64(binary.LittleEndian.Uint64(b[timeAt:]))).UTC(),
		Verdict: action.Verdict(b[verdictAt]).String(),
		Outcome: record.Lost,
		Parts:   []record.Part{{Facts: record.Mark(record.LostFacts)}},
	}
	text := b[textAt:end]
	for _, field := range []*string{&r.ID, &r.Agent.ID, &r.Agent.Name, &r.Service, &r.Protocol, &r.Kind, &r.Session, &r.Rule, &r.Summary} {
		if len(text) == 0 || int(text[0]) >= len(text) {
			return record.Record{}, false
		}
		next := 1 + int(text[0])
		*field = strings.ToValidUTF8(string(text[1:next]), "")
		text = text[next:]
	}
	if length := int(b[endLenAt]); statusAt+length <= slotSize && endSum(b, sums) == binary.LittleEndian.Uint32(b[endSumAt:]) {
		number := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[endNumbersAt+8*i:])) }
		d := action.Decision{Verdict: action.Verdict(b[endVerdictAt])}
		r.Verdict = d.Verdict.String()
		r.Finish(d, action.Result{
			Status: strings.ToValidUTF8(string(b[statusAt:statusAt+length]), ""), Failed: b[endFailedAt] == 1,
			Duration: time.Duration(number(0)), Sent: number(1), Received: number(2), Rows: number(3),
		})
	}
	return r, true
}

func writeMissing(header []byte, n uint64) {
	binary.LittleEndian.PutUint64(header[missingAt:], n)
	binary.LittleEndian.PutUint64(header[missingAt+8:], ^n)
}

// readMissing gives the count; one that was written only in part is at least one.
func readMissing(header []byte) uint64 {
	n, inverse := binary.LittleEndian.Uint64(header[missingAt:]), binary.LittleEndian.Uint64(header[missingAt+8:])
	switch {
	case n == ^inverse:
		return n
	case n == 0 && inverse == 0: // never written
		return 0
	}
	return max(n, 1)
}
