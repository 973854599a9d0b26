// Package constant reads values that stand in a statement as they are: strings,
// whole numbers, NULL. It guesses nothing of what a cast or an operator makes.
package constant
