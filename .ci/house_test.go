// Package house holds the rules about the code, with their reasons. It lies
// outside what ./... finds and is run by .ci/run.
package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/hueandcry/hueandcry"

func git(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", ".."}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

type pkg struct {
	ImportPath, Name, Doc string
	Imports, Deps         []string
	GoFiles               []string
	Dir                   string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("only %d packages found", len(all))
	}
	return all
}

// The first thing that a visitor sees is the list of what is at the top.
func TestTopLevel(t *testing.T) {
	allowed := []string{"abuse", "hashing", "linkage", "examples", "go.mod", "go.sum", "LICENSE",
		"README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"}
	for _, f := range git(t, "ls-files") {
		top, _, _ := strings.Cut(f, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(allowed, top) {
			t.Errorf("%s: nothing else is added at the top; it belongs in one of the rooms", f)
		}
	}
}

// Data flows one way: hashing -> linkage -> abuse -> examples. What flows back
// would let a decision reach for an identifier.
func TestArrows(t *testing.T) {
	order := []string{"hashing", "linkage", "abuse", "examples"}
	rank := func(path string) int {
		room, _, _ := strings.Cut(strings.TrimPrefix(path, module+"/"), "/")
		return slices.Index(order, room)
	}
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			if strings.HasPrefix(i, module+"/") && rank(i) > rank(p.ImportPath) {
				t.Errorf("%s imports %s: the arrows run %s", p.ImportPath, i, strings.Join(order, " -> "))
			}
			if strings.HasSuffix(i, "test") && strings.HasPrefix(i, module+"/") {
				t.Errorf("%s imports %s: test rooms hold what programs must not have", p.ImportPath, i)
			}
		}
	}
}

// Heavy dependencies live in the leaf that needs them, and each is there for a
// reason.
func TestDependencies(t *testing.T) {
	reasons := map[string]string{
		"github.com/google/uuid":              "identifiers of signals and decisions; device identifiers that are UUIDs",
		"github.com/nyaruka/phonenumbers":     "the numbering plans of the world",
		"filippo.io/edwards25519":             "the curve and the field beneath ristretto255",
		"github.com/prysmaticlabs/gohashtree": "SHA-256 of many inputs at a time, as millions of identifiers need it",
		"github.com/klauspost/cpuid/v2":       "of gohashtree",
		"golang.org/x/crypto":                 "Argon2id",
		"golang.org/x/sync":                   "the two parties of the demonstration, which fail together; the line of Updates on PostgreSQL",
		"golang.org/x/text":                   "of phonenumbers",
		"google.golang.org/protobuf":          "of phonenumbers",
		"golang.org/x/sys":                    "of x/crypto; which instructions the processor has",
		"modernc.org/sqlite":                  "SQLite in Go: a store in a file, without cgo",
		"modernc.org/libc":                    "of sqlite",
		"modernc.org/mathutil":                "of sqlite",
		"modernc.org/memory":                  "of sqlite",
		"github.com/dustin/go-humanize":       "of sqlite",
		"github.com/mattn/go-isatty":          "of sqlite",
		"github.com/ncruces/go-strftime":      "of sqlite",
		"github.com/remyoudompheng/bigfft":    "of sqlite",
		"github.com/jackc/pgx/v5":             "PostgreSQL, and what speaks its protocol",
		"github.com/jackc/pgpassfile":         "of pgx",
		"github.com/jackc/pgservicefile":      "of pgx",
		"github.com/jackc/puddle/v2":          "of pgx",
		"go.opentelemetry.io/otel":            "measures and traces, by the interface alone",
		"github.com/cespare/xxhash/v2":        "of otel",
		"github.com/sony/gobreaker/v2":        "a partner that is down is left alone for a moment",
		"github.com/go-analyze/charts":        "the charts of a backtest's report, as SVG",
		"github.com/go-analyze/bulk":          "of charts",
		"github.com/golang/freetype":          "of charts: the width of text",
		"golang.org/x/image":                  "of freetype",
		"cel.dev/cel-go":                      "the language of conditions in rules files: parsed, type-checked and priced, and evaluated where it is unusual",
		"cel.dev/expr":                        "of cel-go",
		"github.com/antlr4-go/antlr/v4":       "of cel-go",
		"golang.org/x/exp":                    "of cel-go",
		"google.golang.org/genproto":          "of cel-go",
		"go.yaml.in/yaml/v3":                  "of cel-go",
		"github.com/goccy/go-yaml":            "rules files in YAML and JSON, with the place of every word in them",
	}
	for _, p := range packages(t) {
		for _, d := range p.Deps {
			if !strings.Contains(strings.SplitN(d, "/", 2)[0], ".") || strings.HasPrefix(d, module) {
				continue
			}
			known := slices.ContainsFunc(slices.Collect(keys(reasons)), func(m string) bool { return d == m || strings.HasPrefix(d, m+"/") })
			if !known {
				t.Errorf("%s needs %s: a new dependency needs a reason in this list", p.ImportPath, d)
			}
			if strings.HasPrefix(p.ImportPath, module+"/linkage/internal") && strings.Contains(d, "phonenumbers") {
				t.Errorf("%s needs %s: the core of the protocol knows nothing of phone numbers", p.ImportPath, d)
			}
			database := strings.HasPrefix(d, "modernc.org/") || strings.HasPrefix(d, "github.com/jackc/")
			if database && p.ImportPath != module+"/abuse/sqlstore" && !strings.HasPrefix(p.ImportPath, module+"/examples/") {
				t.Errorf("%s needs %s: databases are known to abuse/sqlstore alone, and to whole programs", p.ImportPath, d)
			}
			language := strings.HasPrefix(d, "cel.dev/") || strings.HasPrefix(d, "github.com/goccy/")
			if language && p.ImportPath != module+"/abuse/policy" && !strings.HasPrefix(p.ImportPath, module+"/examples/") {
				t.Errorf("%s needs %s: the language of rules is known to abuse/policy alone, and to whole programs", p.ImportPath, d)
			}
		}
	}
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// A file has one thing in it, a room one sentence that says what it is for.
func TestFilesAndRooms(t *testing.T) {
	for _, f := range git(t, "ls-files", "*.go") {
		data, err := os.ReadFile(filepath.Join("..", f))
		if err != nil {
			continue // removed and not committed yet
		}
		if n := bytes.Count(data, []byte("\n")); n > 500 && !bytes.Contains(data, []byte("Code generated")) {
			t.Errorf("%s has %d lines: more than one thing lives in it", f, n)
		}
		for _, word := range []string{"TO" + "DO", "FIX" + "ME"} {
			if bytes.Contains(data, []byte(word)) {
				t.Errorf("%s: %s: finish it, or say in an issue what is missing", f, word)
			}
		}
	}
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package documentation", p.ImportPath)
		}
		if slices.Contains([]string{"util", "common", "types", "pkg", "helpers"}, p.Name) {
			t.Errorf("%s: a name that says nothing", p.ImportPath)
		}
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?m)^\s*replace\b`).Match(mod) {
		t.Error("go.mod: a replace works here only, not for those who import us")
	}
}

// What is exported is documented, and what can fail at start-up is not in init.
func TestExportedIsDocumented(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			report := func(at token.Pos, what string) {
				t.Errorf("%s: %s is exported and not documented", fset.Position(at), what)
			}
			for _, d := range file.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Name.Name == "init" && d.Recv == nil {
						t.Errorf("%s: init runs in every program that imports us, wanted or not", fset.Position(d.Pos()))
					}
					if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
						report(d.Pos(), d.Name.Name)
					}
				case *ast.GenDecl:
					for _, s := range d.Specs {
						switch s := s.(type) {
						case *ast.TypeSpec:
							if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
								report(s.Pos(), s.Name.Name)
							}
						case *ast.ValueSpec:
							for _, n := range s.Names {
								if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
									report(n.Pos(), n.Name)
								}
							}
						}
					}
				}
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if s, ok := t.(*ast.StarExpr); ok {
		t = s.X
	}
	if g, ok := t.(*ast.IndexExpr); ok {
		t = g.X
	}
	n, ok := t.(*ast.Ident)
	return ok && n.IsExported()
}

// The README is what people type from: each of its Go blocks is a piece of a
// program that is compiled and run, to the letter.
func TestReadmeQuotesCode(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`\b[A-Z]{6,}\b`).FindString(strings.NewReplacer("CHANGELOG", "", "PROTOCOL", "").Replace(string(readme))); m != "" &&
		!slices.Contains([]string{"SECURITY", "CONTRIBUTING"}, m) {
		t.Errorf("the README holds %s: a place that was to be filled?", m)
	}
	var code []string
	for _, f := range git(t, "ls-files", "*.go") {
		if data, err := os.ReadFile(filepath.Join("..", f)); err == nil {
			code = append(code, squeeze(string(data)))
		}
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("the README shows no program")
	}
	for _, b := range blocks {
		if !slices.ContainsFunc(code, func(c string) bool { return strings.Contains(c, squeeze(b[1])) }) {
			t.Errorf("the README shows code that no program holds:\n%s", b[1])
		}
	}
	run, err := os.ReadFile("run")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"go run ./examples/twoservices", "go test ./..."} {
		if !bytes.Contains(readme, []byte(command)) || !bytes.Contains(run, []byte(command)) {
			t.Errorf("%q is promised in the README and run by .ci/run, or neither", command)
		}
	}
}

// Every program and benchmark that the README calls is there, with its flags.
func TestReadmeCommands(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	holds := func(dir, files string, what *regexp.Regexp) bool {
		return slices.ContainsFunc(git(t, "ls-files", dir+"/"+files), func(f string) bool {
			data, err := os.ReadFile(filepath.Join("..", f))
			return err == nil && what.Match(data)
		})
	}
	commands := regexp.MustCompile("go (run|test) ([^`\n]+)").FindAllSubmatch(readme, -1)
	if len(commands) < 10 {
		t.Fatal("the README has few commands: is it read as it is written?")
	}
	for _, c := range commands {
		words := strings.Fields(string(c[2]))
		if string(c[1]) == "run" {
			for _, word := range words[1:] {
				if name, ok := strings.CutPrefix(word, "-"); ok && !holds(words[0], "*.go", regexp.MustCompile(`"`+name+`"`)) {
					t.Errorf("%s has no flag %s", words[0], word)
				}
			}
			if !holds(words[0], "main.go", regexp.MustCompile("func main")) {
				t.Errorf("%s is no program", words[0])
			}
			continue
		}
		at := slices.Index(words, "-bench") + 1
		if at == 0 || words[at] == "." {
			continue
		}
		for name := range strings.SplitSeq(strings.Trim(words[at], "'"), "|") {
			if dir := words[len(words)-1]; !holds(dir, "*_test.go", regexp.MustCompile(`func Benchmark\w*`+name)) {
				t.Errorf("%s has no benchmark %s", dir, name)
			}
		}
	}
}

// squeeze makes code comparable whatever its indentation.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }
