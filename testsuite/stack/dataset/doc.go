// Package dataset fills a database with research data shaped as the shipped
// plan describes it: experiments, their results, and models trained from them.
//
// The same seed gives the same rows on every machine, so a test can say exactly
// what a recovered database must hold. About half of the bytes compress well
// (parameters, texts) and half do not (weights, measurements), as real research
// data does; speeds measured on it are neither flattered nor spoiled.
package dataset
