// Package e2e holds the end-to-end tests: recoveries on real servers, through
// the programs and messages a user has, judged by what is known from outside.
package e2e
