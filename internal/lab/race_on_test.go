//go:build race

package lab_test

// slower is how much longer everything takes.
const slower = 10
