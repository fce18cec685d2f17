// Package scenario holds the tests that put this family's packages together on
// real servers: damage of three kinds, backed up, found, restored and proved.
package scenario
