package main

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
)

var columns = []string{"complaint_date", "number_raw", "consumer_area_code"}

const (
	mostNumbers = 1 << 27 // far beyond what the memory of one process holds
	toldRows    = 10      // bad rows that are told one by one
	mostLine    = 1 << 16 // bytes of a line
)

// history reads the file, or makes one up.
func (o *options) history(stderr io.Writer) (*history, error) {
	if o.complaints == "" {
		h := makeUp(o)
		h.arrange()
		return h, nil
	}
	f, err := os.Open(o.complaints)
	if err != nil {
		return nil, errors.New("-complaints: the file cannot be opened")
	}
	defer f.Close()
	b := bufio.NewReaderSize(f, 1<<16)
	in := newIntake(o, stderr)
	var r io.Reader = b
	if magic, _ := b.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, errors.New("-complaints: not a gzip file")
		}
		r = bufio.NewReaderSize(z, 1<<16)
	}
	if err := in.read(r); err != nil {
		return nil, fmt.Errorf("-complaints: %w", err)
	}
	in.h.arrange()
	return in.h, nil
}

// parsed is what came of a spelling.
type parsed struct {
	number number
	reason string // why it was refused, or ""
}

// intake reads complaints. The key is made for this run: a token of another run is no help.
type intake struct {
	*options
	stderr io.Writer
	h      *history
	key    hashing.Key
	spelt  map[string]parsed // spellings come again and again
	tokens map[hashing.Token]number
	told   int
}

func newIntake(o *options, stderr io.Writer) *intake {
	return &intake{options: o, stderr: stderr, h: &history{split: o.split, refused: map[string]int{}},
		key: hashing.NewKey(), spelt: map[string]parsed{}, tokens: map[hashing.Token]number{}}
}

func (in *intake) read(r io.Reader) error {
	b := bufio.NewReaderSize(r, mostLine)
	if mark, _ := b.Peek(3); string(mark) == "\ufeff" {
		_, _ = b.Discard(3) // spreadsheets put a byte order mark first
	}
	var at [3]int
	width := 0
	for line := 1; ; line++ {
		text, whole, err := b.ReadLine()
		switch {
		case errors.Is(err, io.EOF) && width == 0:
			return errors.New("the file is empty, there is no header")
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errors.New("the file cannot be read to its end")
		}
		tooLong := whole
		for whole && err == nil {
			_, whole, err = b.ReadLine()
		}
		if len(text) == 0 {
			continue
		}
		cells := split(string(text))
		if width == 0 {
			if at, err = header(cells); err != nil {
				return err
			}
			width = len(cells)
			continue
		}
		in.h.rows++
		problem := "not a row of as many cells as the header"
		if len(cells) == width && !tooLong {
			problem = in.row(cells[at[0]], cells[at[1]], cells[at[2]])
		} else {
			in.h.bad++
		}
		if problem == "" {
			continue
		}
		if in.strict {
			return fmt.Errorf("line %d: %s", line, problem)
		}
		if in.told++; in.told <= toldRows {
			fmt.Fprintf(in.stderr, "complaints: line %d: %s\n", line, problem)
		} else if in.told == toldRows+1 {
			fmt.Fprintln(in.stderr, "complaints: further rows that are left out are only counted")
		}
	}
}

// split gives the cells of a line; none if it is not CSV. No cell of these files has a line break, so
// that a quote that nobody closed spoils its own row and not those after it.
func split(line string) []string {
	if !strings.Contains(line, `"`) {
		return strings.Split(line, ",")
	}
	c := csv.NewReader(strings.NewReader(line))
	cells, err := c.Read()
	if err != nil {
		return nil
	}
	return cells
}

// header says where the columns are.
func header(first []string) (at [3]int, err error) {
	if first == nil {
		return at, errors.New("the header cannot be read")
	}
	seen := map[string]bool{}
	for i, name := range first {
		name = strings.TrimSpace(name)
		k := slices.Index(columns, name)
		switch {
		case k < 0: // the name is not told: in a file without a header it is data
			return at, fmt.Errorf("column %d of the header is unknown; there are %s", i+1, strings.Join(columns, ", "))
		case seen[name]:
			return at, fmt.Errorf("column %q is there twice", name)
		}
		seen[name], at[k] = true, i
	}
	for _, name := range columns {
		if !seen[name] {
			return at, fmt.Errorf("there is no column %q", name)
		}
	}
	return at, nil
}

// row takes one in, or says what is wrong with it and never what stood there.
func (in *intake) row(date, raw, area string) (problem string) {
	if len(date) > 10 && (date[10] == ' ' || date[10] == 'T') {
		date = date[:10] // the hour is not asked
	}
	t, err := time.Parse(time.DateOnly, strings.TrimSpace(date))
	if err != nil || t.Year() < 2000 || t.Year() > 2098 {
		in.h.bad++
		return "complaint_date is not a day of 2000 to 2098, as 2020-03-01"
	}
	code, err := strconv.ParseUint(strings.TrimSpace(area), 10, 16)
	if err != nil {
		in.h.bad++
		return "consumer_area_code is not a whole number below 2^16"
	}
	d := dayOf(t)
	if in.from > 0 && d < in.from || in.to > 0 && d > in.to {
		in.h.outside++
		return ""
	}
	p, ok := in.spelt[raw]
	if !ok {
		p = in.parse(raw)
		in.spelt[strings.Clone(raw)] = p
	}
	if p.reason != "" {
		in.h.refused[p.reason]++
		return "number_raw is refused: " + p.reason
	}
	in.h.complaints = append(in.h.complaints, complaint{day: d, number: p.number, area: uint16(code)})
	return ""
}

// parse gives a spelling its number: the token stands for it from here on.
func (in *intake) parse(raw string) parsed {
	id, err := hashing.ParsePhone(raw, "US")
	var refused *hashing.Error
	switch {
	case errors.As(err, &refused):
		return parsed{reason: string(refused.Reason)}
	case err != nil:
		return parsed{reason: string(hashing.ReasonMalformed)}
	}
	token := in.key.Token(id)
	n, ok := in.tokens[token]
	if !ok {
		if in.h.numbers >= mostNumbers {
			return parsed{reason: "too_many_numbers"}
		}
		n = number(in.h.numbers)
		in.h.numbers++
		in.tokens[token] = n
	}
	return parsed{number: n}
}
