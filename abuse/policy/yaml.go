package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxFile is the largest rules file, in bytes.
const MaxFile = 1 << 20

const (
	maxDepth = 100     // of brackets within each other, and of lists begun on one line
	maxMarks = 2       // lines that begin or end a document
	maxLine  = 1 << 14 // bytes of a line of YAML
)

// Error is what is wrong with a rules file, and where. The zero Error says
// nothing. What it quotes comes from the file, which is the operator's own.
type Error struct {
	File         string // as it was named to Load
	Line, Column int    // from 1; zero: the file as a whole
	Problem      string // one line
}

// Error gives file, line, column and problem, as in "policy: spam.yaml:12:7: ...".
func (e *Error) Error() string {
	switch {
	case e.File == "":
		return "policy: " + e.Problem
	case e.Line == 0:
		return "policy: " + e.File + ": " + e.Problem
	}
	return fmt.Sprintf("policy: %s:%d:%d: %s", e.File, e.Line, e.Column, e.Problem)
}

// reader walks a file. The first problem is kept, and what comes after it is not
// read.
type reader struct {
	name  string
	lines []string
	err   *Error
}

func (r *reader) fail(at *token.Token, problem string) {
	if at == nil || at.Position == nil {
		r.failAt(1, 1, problem)
		return
	}
	r.failAt(at.Position.Line, at.Position.Column, problem)
}

func (r *reader) failAt(line, column int, problem string) {
	if r.lines != nil {
		line = min(line, len(r.lines))
	}
	if r.err == nil {
		r.err = &Error{File: r.name, Line: max(line, 1), Column: max(column, 1), Problem: problem}
	}
}

// open parses the file and gives its one document; nil: it cannot be read.
func (r *reader) open(data []byte) (top ast.Node) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors put a byte order mark first
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	if !r.sound(data) {
		return nil
	}
	text := string(data)
	if path.Ext(r.name) == ".json" {
		// JSON is YAML, but for tabs, and these stand only between its words.
		text = strings.ReplaceAll(text, "\t", " ")
	}
	r.lines = strings.Split(text, "\n")
	defer func() {
		if recover() != nil {
			r.failAt(1, 1, "the file cannot be read as YAML")
			top = nil
		}
	}()
	file, err := parser.ParseBytes([]byte(text), 0)
	var syntax yaml.Error
	switch {
	case errors.As(err, &syntax):
		problem, _, _ := strings.Cut(syntax.GetMessage(), "\n")
		if strings.Contains(problem, "mapping value") {
			problem += "; quote a text with a colon in it"
		}
		r.fail(syntax.GetToken(), "syntax: "+problem)
	case err != nil:
		r.failAt(1, 1, "the file cannot be read as YAML")
	case len(file.Docs) != 1 || file.Docs[0].Body == nil:
		r.failAt(1, 1, "the file must hold one document")
	default:
		return file.Docs[0].Body
	}
	return nil
}

// sound refuses what a parser could choke on.
func (r *reader) sound(data []byte) bool {
	if len(data) > MaxFile {
		r.failAt(1, 1, "the file is larger than 1 MiB")
		return false
	}
	json := path.Ext(r.name) == ".json"
	line, column, depth := 1, 0, 0
	for i := 0; i < len(data); {
		c, n := utf8.DecodeRune(data[i:])
		i += n
		column++
		switch c {
		case '\n':
			line, column = line+1, 0
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		}
		switch {
		case c == utf8.RuneError && n == 1 || c < ' ' && c != '\n' && c != '\t':
			r.failAt(line, column, "the file must be UTF-8 text without control characters")
		case depth > maxDepth:
			r.failAt(line, column, "brackets are nested too deeply")
		case column > maxLine && !json:
			r.failAt(line, column, "the line is too long")
		}
	}
	switch {
	case r.err != nil:
	case json:
		r.soundJSON(data)
	default:
		r.soundYAML(data)
	}
	return r.err == nil
}

// soundYAML refuses what the parser would take minutes for: many documents, and many lists begun on one line.
func (r *reader) soundYAML(data []byte) {
	line, marks := 0, 0
	for row := range bytes.Lines(data) {
		line++
		if bytes.HasPrefix(row, []byte("---")) || bytes.HasPrefix(row, []byte("...")) {
			marks++
		}
		begin := row[:len(row)-len(bytes.TrimLeft(row, "-? "))]
		switch {
		case marks > maxMarks:
			r.failAt(line, 1, "the file must hold one document")
		case bytes.Count(begin, []byte("- "))+bytes.Count(begin, []byte("? ")) > maxDepth:
			r.failAt(line, 1, "lists are nested too deeply")
		}
	}
}

// soundJSON finds where JSON is none, which YAML would let pass.
func (r *reader) soundJSON(data []byte) {
	var any json.RawMessage
	err := json.Unmarshal(data, &any)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return
	}
	before := data[:min(max(int(syntax.Offset)-1, 0), len(data))]
	r.failAt(bytes.Count(before, []byte("\n"))+1, len(before)-bytes.LastIndexByte(before, '\n'), "syntax: "+syntax.Error())
}

// object reads a mapping with known keys.
func (r *reader) object(n ast.Node, what string, fields map[string]func(ast.Node)) map[string]bool {
	seen := map[string]bool{}
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		r.fail(tokenOf(n), what+" must be a mapping")
		return seen
	}
	for _, p := range pairs {
		key, ok := p.Key.(*ast.StringNode)
		if !ok {
			r.fail(p.Key.GetToken(), "a key of "+what+" must be a word")
			return seen
		}
		read := fields[key.Value]
		if read == nil {
			read = fields["*"]
		}
		switch {
		case read == nil:
			r.fail(key.Token, what+" has no "+strconv.Quote(clip(key.Value))+suggest(fields))
		case seen[key.Value]:
			r.fail(key.Token, strconv.Quote(clip(key.Value))+" is there twice")
		default:
			seen[key.Value] = true
			if fields[key.Value] == nil {
				read(p)
			} else {
				read(p.Value)
			}
		}
		if r.err != nil {
			return seen
		}
	}
	return seen
}

// suggest names the keys that there are.
func suggest(fields map[string]func(ast.Node)) string {
	var names []string
	for k := range fields {
		names = append(names, k)
	}
	slices.Sort(names)
	return "; there are " + strings.Join(names, ", ")
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}

func tokenOf(n ast.Node) *token.Token {
	switch n := n.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return n.Values[0].Key.GetToken()
		}
	}
	return n.GetToken()
}

func (r *reader) list(n ast.Node, what string, each func(ast.Node)) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fail(tokenOf(n), what+" must be a list")
		return
	}
	for _, v := range s.Values {
		if each(v); r.err != nil {
			return
		}
	}
}

// text reads a string. A number or a date is none, so that it is quoted: another
// reader of YAML might change it.
func (r *reader) text(n ast.Node, what string) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.TagNode, *ast.AnchorNode, *ast.AliasNode:
		r.fail(tokenOf(n), what+" must be text; quote one that begins with !, & or *")
	default:
		r.fail(tokenOf(n), what+" must be text")
	}
	return ""
}

func (r *reader) number(n ast.Node, what string, least, most int64) int64 {
	if i, ok := n.(*ast.IntegerNode); ok {
		// As it is written, in decimal: of 010 one reader of YAML makes eight, and another ten.
		text := i.GetToken().Value
		v, err := strconv.ParseInt(text, 10, 64)
		if err == nil && strconv.FormatInt(v, 10) == text && v >= least && v <= most {
			return v
		}
	}
	r.fail(tokenOf(n), fmt.Sprintf("%s must be a whole number of %d to %d, in plain digits", what, least, most))
	return 0
}

func (r *reader) yes(n ast.Node, what string) bool {
	if b, ok := n.(*ast.BoolNode); ok {
		return b.Value
	}
	r.fail(tokenOf(n), what+" must be true or false")
	return false
}

// place turns a line and a column of a scalar's text into those of the file.
type place struct {
	line, column int   // where the text begins
	indents      []int // of the lines of a block; nil: the text is on one line
	vague        bool  // the text is not as it stands there: only where it begins is known
}

// block reads the text of a scalar as it stands in the file, line by line, so
// that a place in it can be found again.
func (r *reader) block(n ast.Node, what string) (string, place) {
	at := tokenOf(n)
	if b, ok := n.(*ast.BoolNode); ok {
		return strconv.FormatBool(b.Value), place{line: at.Position.Line, column: at.Position.Column}
	}
	text := r.text(n, what)
	if r.err != nil || at == nil || at.Position == nil {
		return text, place{line: 1, column: 1}
	}
	p := place{line: at.Position.Line, column: at.Position.Column}
	if at.Type != token.LiteralType && strings.Contains(text, "//") {
		// YAML makes one line of several, and all that follows a part of the comment.
		r.fail(at, what+" may have a comment only in a block below |")
		return text, p
	}
	if _, ok := n.(*ast.LiteralNode); ok {
		p.line++
		var rows []string
		base := 0 // the indent of the first row that is not empty
		for i := p.line - 1; i < len(r.lines) && len(rows) <= strings.Count(text, "\n")+len(text); i++ {
			row := strings.TrimRight(r.lines[i], " \r")
			indent := len(row) - len(strings.TrimLeft(row, " "))
			if row != "" && (indent < base || indent == 0) {
				break
			}
			if base == 0 {
				base = indent
			}
			rows, p.indents = append(rows, row[indent:]), append(p.indents, indent)
		}
		if raw := strings.Join(rows, "\n"); strings.Join(strings.Fields(raw), "") == strings.Join(strings.Fields(text), "") {
			return raw, p
		}
		p.indents, p.vague = nil, true
		return text, p
	}
	if row := r.lines[min(p.line-1, len(r.lines)-1)]; p.column <= len(row) && (row[p.column-1] == '"' || row[p.column-1] == '\'') {
		p.column++
	}
	row := r.lines[min(p.line, len(r.lines))-1]
	p.vague = p.column > len(row) || !strings.HasPrefix(row[p.column-1:], text)
	return text, p
}

// at gives the place in the file of a line, from 0, and a column, from 0.
func (p place) at(line, column int) (int, int) {
	switch {
	case p.indents != nil && line < len(p.indents):
		return p.line + line, p.indents[line] + column + 1
	case p.indents == nil && line == 0 && !p.vague:
		return p.line, p.column + column
	}
	return p.line, p.column
}
