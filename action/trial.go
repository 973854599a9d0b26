package action

// A Trial is an action that nobody sent: a test block or an explain command. A
// protocol makes an Action of it on the same road as live traffic.
type Trial struct {
	Method  string
	URL     string // absolute, or a path with its query
	Headers map[string]string
	Body    []byte

	SQL      string
	Database string
	User     string
}
