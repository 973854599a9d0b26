package lex

import (
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	tests := []struct {
		text string
		want string // with S, I and L for placeholders; "" gives up
	}{
		{"SELECT 1", "SELECT ‹i›"},
		{"SELECT 'a'", "SELECT ‹s›"},
		{"SELECT 'it''s'", "SELECT ‹s›"},
		{"SELECT 'é'", "SELECT ‹s›"},
		{"SELECT '', ''''", "SELECT ‹s›, ‹s›"},
		{"SELECT 'a'\n'b'", "SELECT ‹s›\n‹s›"},
		{"SELECT -1", "SELECT -‹i›"},
		{"SELECT 2147483647, 2147483648, 2147483646", "SELECT ‹i›, ‹l›, ‹i›"},
		{"SELECT 123456789012345678901234567890", "SELECT ‹l›"},
		{"SELECT 00000000000000000001", "SELECT 00000000000000000001"},
		{"SELECT 0000000001", "SELECT ‹i›"},
		{"SELECT 1.5, .5, 1., 1e5, 1e-5", "SELECT ‹f›, .5, 1., ‹f›, ‹f›"},
		{"SELECT 0x1f, 1_000", "SELECT 0x1f, 1_000"},
		{"SELECT $1, $12", "SELECT $1, $12"},
		{"SELECT a1, t2.b3, \"x'1\", a$1", "SELECT a1, t2.b3, \"x'1\", a$1"},
		{"SELECT a[1]", "SELECT a[‹i›]"},
		{"SELECT 1::int4", "SELECT ‹i›::int4"},
		{"SELECT cast(1 as float(9))", "SELECT cast(‹i› as float(9))"},
		{"SELECT cast(1 as FLOAT ( 9))", "SELECT cast(‹i› as FLOAT ( 9))"},
		{"SELECT cast(1 as float\v\r(9))", "SELECT cast(‹i› as float\v\r(9))"},
		{"SELECT numeric(9)", "SELECT numeric(‹i›)"},
		{"SELECT myfloat(9)", "SELECT myfloat(‹i›)"},
		{"SELECT float8(9)", "SELECT float8(‹i›)"},
		{"SELECT date '2020-01-01'", "SELECT date ‹s›"},
		{"SELECT E'a'", ""},
		{"SELECT e'a'", ""},
		{"SELECT U&'a'", ""},
		{"SELECT B'1'", ""},
		{"SELECT N'a'", ""},
		{"SELECT 1'a'", ""},
		{"SELECT a&'b'", ""},
		{"SELECT 'a\\b'", ""},
		{"SELECT \\", ""},
		{"SELECT 'a\x01s'", ""},
		{"SELECT \x01s", ""},
		{"SELECT \"\x01s\"", ""},
		{"SELECT $$a$$", ""},
		{"SELECT $a$x$a$", ""},
		{"SELECT $1a", ""},
		{"SELECT 1 -- a", "SELECT ‹i› ‹c›"},
		{"SELECT /* a */ 1", "SELECT ‹b› ‹i›"},
		{"SELECT /* /* a */ */ 1", ""},
		{"SELECT /* a", ""},
		{"SELECT /*/ 1 /*/", ""},
		{"SELECT /*/ 1 */", "SELECT ‹b›"},
		{"SELECT /***/ 1", "SELECT ‹b› ‹i›"},
		{"SELECT -- 'a\n'b'", "SELECT ‹c›\n‹s›"},
		{"SELECT 1.5e+10, 12e, 1.5.5, 1..5", "SELECT ‹f›, 12e, 1.5.5, 1..5"},
		{"SELECT 1 LIMIT 5 OFFSET 7", "SELECT ‹i› LIMIT 5 OFFSET ‹i›"},
		{"SELECT 1 LIMIT (-(5)) -- x", "SELECT ‹i› LIMIT (-(5)) ‹c›"},
		{"SELECT 1 limit/* a */'5'", "SELECT ‹i› limit‹b›'5'"},
		{"SELECT 1 FETCH NEXT 5 ROWS ONLY", "SELECT ‹i› FETCH NEXT 5 ROWS ONLY"},
		{"SELECT a.limits, 5", "SELECT a.limits, ‹i›"},
		{"SELECT 1 LIMIT x + 5", "SELECT ‹i› LIMIT x + ‹i›"},
		{"SELECT 'open", ""},
		{"SELECT \"open", ""},
	}
	for _, tt := range tests {
		key, ok := Template(nil, tt.text)
		got := strings.NewReplacer("\x01s", "‹s›", "\x01i", "‹i›", "\x01l", "‹l›", "\x01f", "‹f›", "\x01b", "‹b›", "\x01c", "‹c›").Replace(string(key))
		if ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("%q: %q, %v; want %q", tt.text, got, ok, tt.want)
		}
	}
}

func TestWithoutTrailer(t *testing.T) {
	tests := []struct{ text, want string }{
		{"SELECT 1 ;\n; \t", "SELECT 1"},
		{"SELECT 1 /*trace='a'*/;", "SELECT 1 /*trace='a'*/"},
		{"SELECT 1 -- /*\n; DELETE FROM t -- */", "SELECT 1 -- /*\n; DELETE FROM t -- */"},
		{"SELECT 1", "SELECT 1"},
		{"", ""},
	}
	for _, tt := range tests {
		if got := WithoutTrailer(tt.text); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}
