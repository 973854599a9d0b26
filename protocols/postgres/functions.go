package postgres

// largeObject names the functions that libpq calls by object id; the ids are
// fixed in PostgreSQL's catalogue.
func largeObject(oid uint32) (name string, ok bool) {
	switch oid {
	case 715:
		return "lo_create", true
	case 764, 767:
		return "lo_import", true
	case 765:
		return "lo_export", true
	case 952:
		return "lo_open", true
	case 953:
		return "lo_close", true
	case 954:
		return "loread", true
	case 955:
		return "lowrite", true
	case 956:
		return "lo_lseek", true
	case 957:
		return "lo_creat", true
	case 958:
		return "lo_tell", true
	case 964:
		return "lo_unlink", true
	case 1004:
		return "lo_truncate", true
	case 3170:
		return "lo_lseek64", true
	case 3171:
		return "lo_tell64", true
	case 3172:
		return "lo_truncate64", true
	}
	return "", false
}
