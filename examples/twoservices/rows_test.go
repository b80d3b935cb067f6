package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rowsOf reads a text to the end: the records, the lines on which they begin, and
// the lines of what is no record.
func rowsOf(t testing.TB, text string) (records [][]string, lines, bad []int) {
	t.Helper()
	r := newRowReader(bufio.NewReader(strings.NewReader(text)))
	for {
		cells, err := r.read()
		var malformed *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return records, lines, bad
		case errors.As(err, &malformed):
			bad = append(bad, r.line)
		default:
			require.NoError(t, err)
			records, lines = append(records, cells), append(lines, r.line)
		}
	}
}

// TestRowsOfGoodFiles: what is written well is read as encoding/csv reads it, line
// numbers included.
func TestRowsOfGoodFiles(t *testing.T) {
	const seed = 21
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"", "a", `"`, ",", "\n", "\r\n", " ", "é", `""`, "0123"}
	for range 3000 {
		var b strings.Builder
		w := csv.NewWriter(&b)
		w.UseCRLF = rng.IntN(2) == 0
		for range rng.IntN(6) {
			row := make([]string, 1+rng.IntN(4))
			for i := range row {
				for range rng.IntN(4) {
					row[i] += pieces[rng.IntN(len(pieces))]
				}
			}
			require.NoError(t, w.Write(row))
			if rng.IntN(5) == 0 {
				w.Flush()
				b.WriteString("\n")
			}
		}
		w.Flush()
		text := b.String()
		if rng.IntN(2) == 0 {
			text = strings.TrimSuffix(text, "\n")
		}

		model := csv.NewReader(strings.NewReader(text))
		model.FieldsPerRecord = -1
		var want [][]string
		var at []int
		for {
			cells, err := model.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, "%q", text)
			line, _ := model.FieldPos(0)
			want, at = append(want, cells), append(at, line)
		}
		records, lines, bad := rowsOf(t, text)
		require.Equal(t, want, records, "%q", text)
		require.Equal(t, at, lines, "%q", text)
		require.Empty(t, bad)
	}
}

// TestRowsAfterBadOnes: a bad line costs itself and no other.
func TestRowsAfterBadOnes(t *testing.T) {
	const seed = 22
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	badLines := []string{`x,"1`, `x,1"2`, `x,"1"2`, `"`, `"x,1,"`, `x,"",""",`}
	for range 300 {
		var b strings.Builder
		var good, bad []int
		for line := 1; line <= 1+rng.IntN(80); line++ {
			if rng.IntN(8) == 0 {
				b.WriteString(badLines[rng.IntN(len(badLines))] + "\n")
				bad = append(bad, line)
			} else {
				b.WriteString("a,1\n")
				good = append(good, line)
			}
		}
		records, lines, found := rowsOf(t, b.String())
		// Two bad lines may make one record that can be read: the reader of the file
		// sees it by its width, or by the rows in its cells.
		for i, cells := range records {
			if len(cells) != 2 || strings.Contains(strings.Join(cells, ""), "\n") {
				continue
			}
			require.Contains(t, good, lines[i])
		}
		in, _ := testIntake(t, "accounts", io.Discard)
		in.refusals = map[string]int{}
		text := "account,phone\n" + strings.ReplaceAll(b.String(), "a,1\n", "a,+14155552671\n")
		book, err := readAccounts(in, strings.NewReader(text))
		require.NoError(t, err)
		assert.Equal(t, len(good), in.rows-in.refusedRows, "%q", text)
		assert.Equal(t, len(good)+len(bad), in.rows, "%q", text)
		assert.Equal(t, len(good) > 0, len(book.refs) == 1)
		assert.LessOrEqual(t, len(found), len(bad))
	}
}

// TestLongCell: what spans more lines than a record may have is an open quote.
func TestLongCell(t *testing.T) {
	longest := `a,"` + strings.Repeat("\n", maxRecordLines-1) + `"` + "\n"
	records, lines, bad := rowsOf(t, longest+"b,1\n")
	assert.Len(t, records, 2)
	assert.Equal(t, []int{1, maxRecordLines + 1}, lines)
	assert.Empty(t, bad)
	_, lines, bad = rowsOf(t, `a,"`+"\n"+longest[3:]+"b,1\n")
	assert.Equal(t, []int{1}, bad[:1])
	assert.Equal(t, maxRecordLines+2, lines[len(lines)-1])
}

// TestBrokenReader: an error of the file is no end of it.
func TestBrokenReader(t *testing.T) {
	broken := errors.New("broken")
	in, _ := testIntake(t, "accounts", io.Discard)
	_, err := readAccounts(in, io.MultiReader(strings.NewReader("account,phone\na,\"+14155552671\n"), failing{broken}))
	require.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
