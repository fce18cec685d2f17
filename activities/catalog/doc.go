// Package catalog holds the activities that know what backups exist in which
// stores and what was proved about each. They read clear-text descriptors and
// listings only, and need no private key.
package catalog
