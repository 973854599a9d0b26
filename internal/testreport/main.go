// Command testreport reads the events of go test -json and prints what people
// want to know: what failed with all it said, which packages took longest, which
// tests did not run and why, and go test's own line for every package. Where only
// a few tests failed it has each run again by the command it was given, and tells
// what is broken from what is unsteady.
package main

import (
	"fmt"
	"os"
)

func main() {
	r := newReport(os.Stdout)
	err := r.read(os.Stdin)
	if err == nil {
		r.retry(command(os.Args[1:]))
		err = r.finish(os.Getenv("CI") == "true")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sallyport:", err)
		os.Exit(1)
	}
}
