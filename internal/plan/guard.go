package plan

import (
	"bytes"
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a plan's file. The parser recurses once a level, so depth is
// bounded before it runs.
const (
	MaxBytes    = 1 << 20
	MaxDepth    = 32
	MaxList     = 1000         // entries of any list
	maxColumn   = 4 * MaxDepth // of a block key: deeper indentation is deeper nesting
	maxTokens   = 200_000
	maxFindings = 200 // a file that is no plan at all is told so, not listed
)

// guard refuses bytes that are not worth, or not safe, parsing.
func (r *reader) guard(raw []byte) bool {
	switch {
	case len(raw) > MaxBytes:
		r.fail(Position{}, "", "the file is larger than a plan may be", "keep a plan under "+Bytes(MaxBytes).String())
		return false
	case !utf8.Valid(raw):
		r.fail(Position{}, "", "the file is not UTF-8 text", "save it as UTF-8")
		return false
	case bytes.IndexByte(raw, 0) >= 0:
		r.fail(Position{}, "", "the file holds zero bytes", "give the plan's YAML file")
		return false
	}
	tokens, ok := r.tokenize(raw)
	return ok && r.guardTokens(tokens)
}

func (r *reader) tokenize(raw []byte) (tokens token.Tokens, ok bool) {
	defer func() {
		if caught := recover(); caught != nil {
			ok = r.unreadable()
		}
	}()
	return lexer.Tokenize(string(raw)), true
}

// unreadable is the finding for bytes that the YAML library panics on: it is not
// proved against hostile bytes, and a panic in it is a bad plan, not a dead worker.
func (r *reader) unreadable() bool {
	r.fail(Position{}, "", "this is not YAML that can be read", "check indentation and quotes")
	return false
}

// guardTokens refuses what a plan never needs: each of these lets few bytes
// stand for many, or mean something else to another reader.
func (r *reader) guardTokens(tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		r.fail(Position{}, "", "the file holds more values than a plan may", "split the plan")
		return false
	}
	flow, content := 0, false
	for _, tok := range tokens {
		problem, fix := "", ""
		switch tok.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			problem, fix = "anchors, aliases and merges are not part of a plan", "write the value out where it is used"
		case token.TagType, token.DirectiveType:
			problem, fix = "tags and directives are not part of a plan", "remove it"
		case token.DocumentHeaderType:
			if content {
				problem, fix = "the file holds a second document", "keep one plan a file"
			}
		case token.SequenceStartType, token.MappingStartType:
			if flow++; flow > MaxDepth {
				problem, fix = "the file nests too deep", "a plan nests at most a few levels"
			}
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			if flow <= 0 && tok.Position.Column > maxColumn {
				problem, fix = "the file nests too deep", "a plan nests at most a few levels"
			}
		default:
		}
		content = content || tok.Type != token.CommentType
		if problem != "" {
			r.fail(r.at(tok), "", problem, fix)
			return false
		}
	}
	return true
}
