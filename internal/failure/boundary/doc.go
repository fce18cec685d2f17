// Package boundary carries failure classes across Temporal's activity boundary.
//
// An activity returns boundary.Out(err): the class becomes the application
// error's type, which retry policies, the Web UI and searches show, and the hint
// travels in its details. The workflow side calls boundary.In(err) and has the
// same *failure.Error again. This is the only place where the two meet.
package boundary
