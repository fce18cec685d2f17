package config

import "strings"

// WithPassword returns the libpq connection string conn with the password that
// ref names added. The result is a Secret since it holds one.
func WithPassword(conn, ref string) (Secret, error) {
	password, err := Resolve(ref)
	if err != nil || password.IsZero() {
		return Secret{value: conn}, err
	}
	// PostgreSQL documentation, "Connection Strings": values in single quotes,
	// quotes and backslashes escaped by a backslash.
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password.Reveal())
	return Secret{value: strings.TrimSpace(conn + " password='" + quoted + "'")}, nil
}
