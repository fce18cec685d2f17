// Package report writes what an auditor and a CTO read after a recovery or a
// drill: the DR plan's test documentation template filled in from what was
// measured, as Markdown, as one self-contained HTML file and as JSON.
//
// # Promises
//
//   - The Markdown begins with the template's own headings, in its order; more
//     sections follow after them.
//   - The HTML file loads nothing: styles and drawings are inside it, there is no
//     script, and a content security policy says so. Everything that came from
//     outside is escaped.
//   - Nothing is computed twice: figures and verdicts come from package recovery.
//     What is not known is printed as "unknown", and criteria that are not all
//     known to be met are not "Yes".
//   - The same input gives the same bytes.
package report
