package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hueandcry/hueandcry/hashing"
)

// The reasons for which a row or a cell is refused, beside those of package
// hashing for identifiers.
const (
	badRow         = "bad_row"     // not CSV, or not as many cells as the header, or rows in a cell
	badAccount     = "bad_account" // empty, longer than 256 bytes, or not text
	badTime        = "bad_time"    // neither RFC 3339 nor a date, or not of 1970 to 2099
	badCategory    = "bad_category"
	badClass       = "bad_class"
	badConfidence  = "bad_confidence"
	badSeverity    = "bad_severity"
	badReports     = "bad_reports"
	badSignal      = "bad_signal"       // the cells do not go together
	notInAgreement = "not_in_agreement" // a kind that the agreement does not name
	tooManySignals = "too_many_signals" // more about one identifier than the agreement allows
	nothingToMatch = "no_identifier"    // neither phone nor device given
)

const maxAccount = 256 // bytes of a reference

// intake is a CSV file as it is read, and the count of what was refused. What is
// refused is told by line and reason and never by what stood there: whoever reads
// a log is not to learn an identifier.
type intake struct {
	name   string // "accounts" or "flagged"
	strict bool
	log    *logger

	phones hashing.PhoneParser // its region is the default
	admits func(hashing.Kind) error

	csv     *rowReader
	columns map[string]int
	width   int
	record  []string

	rows, refusedRows int
	refusals          map[string]int // reason -> how many cells or rows
}

// begin reads the header. Columns may come in any order, and those that are not
// there are as if empty; "account" and one of "phone" and "device" must be there.
func (in *intake) begin(r io.Reader, known []string) error {
	b := bufio.NewReader(r)
	if mark, _ := b.Peek(3); string(mark) == "\ufeff" {
		_, _ = b.Discard(3) // spreadsheets put a byte order mark first
	}
	in.csv = newRowReader(b)
	in.refusals, in.columns = map[string]int{}, map[string]int{}
	header, err := in.csv.read()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the file is empty, there is no header", in.name)
	case err != nil:
		return fmt.Errorf("%s: the header cannot be read", in.name)
	}
	for i, name := range header {
		name = strings.TrimSpace(name)
		_, twice := in.columns[name]
		// The name itself is not told: in a file without a header it is data.
		switch {
		case !slices.Contains(known, name):
			return fmt.Errorf("%s: column %d of the header is unknown; there are %s", in.name, i+1, strings.Join(known, ", "))
		case twice:
			return fmt.Errorf("%s: column %q is there twice", in.name, name)
		}
		in.columns[name] = i
	}
	in.width = len(header)
	return in.checkColumns()
}

func (in *intake) checkColumns() error {
	has := func(name string) bool { _, ok := in.columns[name]; return ok }
	switch {
	case !has("account"):
		return fmt.Errorf("%s: there is no column account", in.name)
	case !has("phone") && !has("device"):
		return fmt.Errorf("%s: there is neither a column phone nor a column device", in.name)
	case has("device") != has("device_kind"):
		return fmt.Errorf("%s: the columns device and device_kind go together", in.name)
	}
	return nil
}

// next reads a row. It returns io.EOF at the end, and under -strict an error for
// a row that cannot be read.
func (in *intake) next() error {
	for {
		record, err := in.csv.read()
		var malformed *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil && !errors.As(err, &malformed):
			return fmt.Errorf("%s: %w", in.name, err)
		}
		in.rows++
		if err == nil && len(record) == in.width && !slices.ContainsFunc(record, swallowed) {
			in.record = record
			return nil
		}
		if err := in.refuseRow("row", badRow); err != nil {
			return err
		}
	}
}

// swallowed reports whether a cell holds what must have been rows: an unclosed quote
// took them in, and another one happened to close it.
func swallowed(cell string) bool {
	return strings.Contains(cell, "\n") && strings.Contains(cell, ",")
}

// cell gives a cell of the row without white space around it; "" if there is no
// such column.
func (in *intake) cell(column string) string {
	i, ok := in.columns[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(in.record[i])
}

// refuse counts and tells a refused cell. Under -strict it is an error. If the row
// has several lines, those after the first are read again as rows of their own: that
// it was refused may come from a quote that took them in.
func (in *intake) refuse(column, reason string) error {
	in.refusals[reason]++
	if in.strict {
		return fmt.Errorf("%s: line %d: %s: %s", in.name, in.csv.line, column, reason)
	}
	in.log.printf("%s: line %d: %s refused: %s", in.name, in.csv.line, column, reason)
	in.csv.back()
	return nil
}

// refuseRow counts a cell for which the whole row is refused.
func (in *intake) refuseRow(column, reason string) error {
	in.refusedRows++
	return in.refuse(column, reason)
}

// account reads the reference by which the service knows the account. It appears
// in the decisions, so it must not be an identifier itself.
func (in *intake) account() (ref, reason string) {
	ref = in.cell("account")
	if ref == "" || len(ref) > maxAccount || !utf8.ValidString(ref) || strings.ContainsFunc(ref, unicode.IsControl) {
		return "", badAccount
	}
	return ref, ""
}

// identifiers reads phone and device of the row; either is zero if it is empty or
// refused. With neither left the row counts as refused.
func (in *intake) identifiers() (phone, device hashing.Identifier, err error) {
	phoneReason, deviceReason := "", ""
	if text := in.cell("phone"); text != "" {
		phone, phoneReason = in.phone(text)
	}
	if text := in.cell("device"); text != "" {
		device, deviceReason = in.device(text)
	}
	if phoneReason != "" {
		err = in.refuse("phone", phoneReason)
	}
	if deviceReason != "" && err == nil {
		err = in.refuse("device", deviceReason)
	}
	if err != nil || !phone.IsZero() || !device.IsZero() {
		return phone, device, err
	}
	if phoneReason == "" && deviceReason == "" {
		return phone, device, in.refuseRow("row", nothingToMatch)
	}
	in.refusedRows++ // its cells are counted already
	return phone, device, nil
}

func (in *intake) phone(text string) (hashing.Identifier, string) {
	parser := in.phones
	if region := in.cell("region"); region != "" {
		parser.Region = region
	}
	return in.admitted(parser.Parse(text))
}

func (in *intake) device(text string) (hashing.Identifier, string) {
	kind, err := parseDeviceKind(in.cell("device_kind"))
	if err != nil {
		return in.admitted(hashing.Identifier{}, err)
	}
	return in.admitted(hashing.ParseDevice(kind, text))
}

// admitted gives the identifier, or the reason for which it is not used.
func (in *intake) admitted(id hashing.Identifier, err error) (hashing.Identifier, string) {
	var refused *hashing.Error
	switch {
	case errors.As(err, &refused):
		return hashing.Identifier{}, string(refused.Reason)
	case in.admits(id.Kind()) != nil:
		return hashing.Identifier{}, notInAgreement
	}
	return id, ""
}

// parseDeviceKind reads a kind by the name that package hashing has for it, or by
// the one that its platform gives it.
func parseDeviceKind(name string) (hashing.Kind, error) {
	switch name {
	case "idfa", "aaid":
		return hashing.AdvertisingID, nil
	case "idfv":
		return hashing.VendorID, nil
	case "ssaid":
		return hashing.AndroidID, nil
	}
	return hashing.ParseKind(name)
}

// parseTime reads RFC 3339 or a date, which is taken for the start of its day in
// UTC; "" is the zero time. dated tells a date.
func parseTime(text string) (t time.Time, dated, ok bool) {
	if text == "" {
		return time.Time{}, false, true
	}
	t, err := time.Parse(time.DateOnly, text)
	dated = err == nil
	if !dated {
		t, err = time.Parse(time.RFC3339, text)
	}
	t = t.UTC()
	if err != nil || t.Year() < 1970 || t.Year() > 2099 {
		return time.Time{}, false, false
	}
	return t, dated, true
}
