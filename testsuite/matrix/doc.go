// Command matrix runs the tests that touch PostgreSQL on each of its major
// versions and prints which package passed on which.
//
//	matrix -dir DIR [-majors 13,17] [-only REGEXP] [-logs DIR]
//
// DIR is where `tools -for majors` installed them. A major that lacks a program
// or an extension that a package's tests need is not run there, and the cell says
// what is lacking: that is not known, which is neither passed nor failed. The
// command fails when a test failed, or when a package that should have run says
// nothing.
package main
