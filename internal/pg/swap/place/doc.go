// Package place moves whole data directories: durably, never over something
// that is there, never by copying, and never two at a time.
package place
