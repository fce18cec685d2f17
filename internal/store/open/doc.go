// Package open makes a store of its description, whichever provider keeps it.
// Secrets come as references and are resolved here, at the edge.
package open
