// Package inspect asks a server what it is and how it is doing, and changes
// nothing. A server that cannot be reached, or that answers only some of the
// questions, is reported with the reason: each unanswered question is in
// Report.Unknown, and no zero value ever stands for an answer.
package inspect
