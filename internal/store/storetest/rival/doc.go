// Package rival plays the attacker of the conformance suite: it holds the same
// credentials as a store and does to its bucket what the store refuses to do.
// It touches only keys that a check made.
package rival
