// Package warranttest signs warrants for tests: with the real encoding and the real
// signatures, by people whose keys the test gives.
package warranttest
