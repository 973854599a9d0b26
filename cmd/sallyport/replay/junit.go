package replay

import (
	"encoding/xml"
	"fmt"
	"os"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
)

// A suite is a file of tests, as JUnit's XML has it. What agents chose stands in
// attributes and texts only, which the encoder escapes.
type suite struct {
	XMLName  xml.Name   `xml:"testsuite"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failure *failure `xml:"failure,omitempty"`
}

type failure struct {
	Message string `xml:"message,attr"`
}

func newCase(class, name, why string) testCase {
	c := testCase{Class: cli.Printable(class), Name: cli.Printable(name)}
	if why != "" {
		c.Failure = &failure{cli.Printable(why)}
	}
	return c
}

func newSuite(name string, cases []testCase) suite {
	s := suite{Name: cli.Printable(name), Tests: len(cases), Cases: cases}
	for _, c := range cases {
		if c.Failure != nil {
			s.Failures++
		}
	}
	return s
}

func writeJUnit(path string, suites []suite) error {
	b, err := xml.MarshalIndent(struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []suite
	}{Suites: suites}, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, append([]byte(xml.Header), append(b, '\n')...), 0o644); err != nil {
		return usage("--junit: %w", err)
	}
	return nil
}
