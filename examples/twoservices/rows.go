package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// maxRecordLines is how many lines a record can have, for a cell in quotes may hold
// line breaks. What goes on for longer is a quote that nobody closed.
const maxRecordLines = 16

// rowReader reads CSV by lines. A reader of the whole file would take all that
// follows an unclosed quote for one cell: here a record that is no good ends where
// its first line ends, and the next begins on the line after it.
type rowReader struct {
	lines *bufio.Reader
	cells *bufio.Reader // of the record at hand
	ahead []string      // lines that are read and not yet used
	begun int           // lines that have begun a record, or were part of one
	line  int           // where the record at hand begins, from 1
	more  []string      // its lines after the first
}

func newRowReader(r *bufio.Reader) *rowReader {
	return &rowReader{lines: r, cells: bufio.NewReader(nil)}
}

// read gives the next record that is not empty, and io.EOF at the end. After a
// *csv.ParseError it can go on.
func (r *rowReader) read() ([]string, error) {
	for {
		text, err := r.record()
		if err != nil {
			return nil, err
		}
		r.cells.Reset(strings.NewReader(text))
		parser := csv.NewReader(r.cells) // which takes r.cells for its own buffer
		parser.FieldsPerRecord = -1      // how many there must be is the caller's to say
		cells, err := parser.Read()
		if errors.Is(err, io.EOF) {
			continue // an empty line
		}
		if err != nil {
			r.back()
		}
		return cells, err
	}
}

// record collects lines until all quotes are closed, which is when there is an even
// number of them, or until that takes too long.
func (r *rowReader) record() (string, error) {
	r.begun += len(r.more)
	r.more = nil
	text, err := r.next()
	if err != nil {
		return "", err
	}
	r.begun++
	r.line = r.begun
	open := oddQuotes(text)
	for open && len(r.more) < maxRecordLines-1 {
		line, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", err
		}
		r.more = append(r.more, line)
		open = open != oddQuotes(line)
	}
	return text + strings.Join(r.more, ""), nil
}

func oddQuotes(line string) bool { return strings.Count(line, `"`)%2 == 1 }

// next gives a line with its end.
func (r *rowReader) next() (string, error) {
	if len(r.ahead) > 0 {
		line := r.ahead[0]
		r.ahead = r.ahead[1:]
		return line, nil
	}
	line, err := r.lines.ReadString('\n')
	if line != "" && errors.Is(err, io.EOF) {
		err = nil // the last line may have no end
	}
	return line, err
}

// back gives back all lines of the record but its first: the record was no good,
// and they may be good ones.
func (r *rowReader) back() {
	r.ahead = append(r.more, r.ahead...)
	r.more = nil
}
