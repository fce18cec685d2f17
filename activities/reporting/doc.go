// Package reporting holds the activity that turns a finished run into its report
// and puts it into the stores.
package reporting
