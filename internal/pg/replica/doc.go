// Package replica rebuilds a streaming replica from its new primary, and puts
// the old one back.
package replica
