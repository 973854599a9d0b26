// Package largeobject knows the functions that libpq calls by number, which are
// those of large objects: their names, and what a call of them does. It calls
// none.
package largeobject

import (
	"encoding/binary"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// Enough is how much of a call's body Read needs at most.
const Enough = 64

// What a call does, beside reading. Import and export are the server's own files.
const (
	reads   = action.EffectRead
	writes  = action.EffectRead | action.EffectWrite
	removes = action.EffectRead | action.EffectDestructive | action.EffectAdmin
	acts    = action.EffectRead | action.EffectAdmin
)

// Read gives the function that a call's body, or its beginning, names, and what
// the call does; ok is false for a number that is not known. The numbers are fixed
// in PostgreSQL's catalogue.
func Read(body []byte) (name string, does action.Effects, ok bool) {
	if len(body) < 4 {
		return "", 0, false
	}
	switch binary.BigEndian.Uint32(body) {
	case 715:
		return "lo_create", writes, true
	case 764, 767:
		return "lo_import", acts, true
	case 765:
		return "lo_export", acts, true
	case 952:
		return "lo_open", opens(body[4:]), true
	case 953:
		return "lo_close", reads, true
	case 954:
		return "loread", reads, true
	case 955:
		return "lowrite", writes, true
	case 956:
		return "lo_lseek", reads, true
	case 957:
		return "lo_creat", writes, true
	case 958:
		return "lo_tell", reads, true
	case 964:
		return "lo_unlink", removes, true
	case 1004:
		return "lo_truncate", writes, true
	case 3170:
		return "lo_lseek64", reads, true
	case 3171:
		return "lo_tell64", reads, true
	case 3172:
		return "lo_truncate64", writes, true
	}
	return "", 0, false
}

// forReading is INV_READ, the mode that cannot write.
const forReading = 0x40000

// opens tells what lo_open is for: reading only if its mode says so for certain.
func opens(arguments []byte) action.Effects {
	values, ok := wire.Values(arguments)
	if !ok || len(values) != 2 || !values[1].Binary || len(values[1].Bytes) != 4 {
		return writes
	}
	if binary.BigEndian.Uint32(values[1].Bytes) != forReading {
		return writes
	}
	return reads
}
