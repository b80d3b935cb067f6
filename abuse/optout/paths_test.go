package optout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// tried says that a path is taken by a trial in this package's tests.
const tried = "tried"

// paths are all exported functions and methods of the library that can be handed an identifier, or that
// hang on something that can, found by reading the source: and why an opted-out user's cannot be
// enrolled by them. A new one is not in it, and fails until somebody has thought about that.
var paths = map[string]string{
	"abuse.Evidence.Add": "matches, after the fact", "abuse.NewEvidence": "matches, after the fact",
	"optout.Admitted": "leaves out",

	"linkage.Publish": tried, "linkage.Transmit": tried, "linkage.Receive": tried, "linkage.Enrol": tried,
	"linkage.Enrolment.All": tried, "linkage.Enrolment.Matches": tried,
	"linkage.Blinder.Blind": tried, "linkage.Blinder.BlindFor": tried,
	"linkage.Sealer.Values": tried, "linkage.Sealer.ValuesFor": tried,
	"linkage.State.Record": tried, "linkage.State.RecordFor": tried,
	"linkage.NewBlinder": tried, "linkage.NewSealer": tried, "linkage.NewEvaluator": tried, "linkage.OpenState": tried,
	"linkage.Sealer.Record":        "takes what Values has given",
	"linkage.Sealer.Batch":         "takes what Record has given",
	"linkage.Keeper.Token":         "a name for this side alone: nothing is asked and nothing sent",
	"linkage.Evaluator.Evaluate":   "takes what Blind has given, and knows no identifier",
	"linkage.Evaluator.Count":      "reads a length",
	"linkage.Evaluator.Opening":    "has no identifier",
	"linkage.Enrolment.Close":      "gives back",
	"linkage.Enrolment.Len":        "a count",
	"linkage.Enrolment.Generation": "a name", "linkage.State.Generation": "a name", "linkage.Sealer.Feed": "a name",
	"linkage.State.Identifiers": "a count", "linkage.Publication.Records": "a count",
	"linkage.Blinder.PublicKeyDigest": "of a key",
	"linkage.Resume.Pending":          "a question", "linkage.Resume.Drop": "gives back",
	"linkage.Config.Format": "prints nothing", "linkage.Config.LogValue": "prints nothing",
	"linkage.Publication.Format": "prints nothing", "linkage.Publication.LogValue": "prints nothing",
	"linkage.Resume.Format": "prints nothing", "linkage.Resume.LogValue": "prints nothing",
	"linkage.State.Format": "prints nothing", "linkage.State.LogValue": "prints nothing",

	"watch.NewReceiver": tried, "watch.NewTransmitter": tried, "watch.Receiver.Check": tried, "watch.Receiver.Enrol": tried,
	"watch.Receiver.EnrolBase": tried, "watch.Receiver.Recheck": tried, "watch.Receiver.Follow": tried,
	"watch.Receiver.Remove":    "takes out",
	"watch.Transmitter.Report": tried, "watch.Transmitter.Cut": tried, "watch.Transmitter.Remove": tried,
	"watch.Transmitter.Handler": tried,
	"watch.Receiver.Run":        "Follow, Recheck and Cosign",
	"watch.Receiver.Cosign":     "counts", "watch.Receiver.Status": "counts",
	"watch.NewDecider": "decides on what is enrolled", "watch.Decider.Step": "decides on what is enrolled",
	"watch.Decider.Reconsider": "decides on what is enrolled", "watch.Decider.Run": "Step", "watch.Decider.Decisions": "reads",
	"watch.Decider.Matched": "reads",
	"watch.Transmitter.Run": "Cut and CloseRecord", "watch.Transmitter.Close": "gives back",
	"watch.Transmitter.CloseRecord": "counts", "watch.Transmitter.Records": "counts",
	"watch.Transmitter.Retract":   "takes back",
	"watch.Transmitter.ServeBase": "of Handler: answers the receiver's linkage.Enrol",
	"watch.Transmitter.Format":    "prints nothing",
}

// taken are the paths that a trial has taken.
var taken = struct {
	sync.Mutex
	names map[string]bool
}{names: map[string]bool{}}

func takes(names ...string) {
	taken.Lock()
	defer taken.Unlock()
	for _, n := range names {
		taken.names[n] = true
	}
}

// room is a package whose source is read.
type room struct{ name, dir string }

// source is all that is declared in some packages.
type source struct {
	bearing map[string]bool // "linkage.Account": types that hold identifiers, or what does
	types   map[string]ast.Expr
	funcs   map[string]*ast.FuncDecl
}

func readSource(t *testing.T) *source {
	s := &source{map[string]bool{"hashing.Identifier": true}, map[string]ast.Expr{}, map[string]*ast.FuncDecl{}}
	rooms := []room{{"linkage", "../../linkage"}, {"abuse", ".."}}
	more, err := filepath.Glob("../*/*.go")
	require.NoError(t, err)
	for _, file := range more {
		dir := filepath.Dir(file)
		if r := (room{filepath.Base(dir), dir}); !strings.HasSuffix(dir, "test") && !slices.Contains(rooms, r) {
			rooms = append(rooms, r)
		}
	}
	require.GreaterOrEqual(t, len(rooms), 5)
	for _, r := range rooms {
		files, err := filepath.Glob(r.dir + "/*.go")
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			if !strings.HasSuffix(f, "_test.go") {
				s.read(t, r.name, f)
			}
		}
	}
	for n := -1; n != len(s.bearing); { // until there is nothing new
		n = len(s.bearing)
		for name, of := range s.types {
			room, _, _ := strings.Cut(name, ".")
			if s.mentions(room, of) {
				s.bearing[name] = true
			}
		}
	}
	return s
}

func (s *source) read(t *testing.T, room, path string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	require.NoError(t, err)
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := room + "."
			if d.Recv != nil {
				name += receiver(d) + "."
			}
			s.funcs[name+d.Name.Name] = d
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok {
					s.types[room+"."+ts.Name.Name] = ts.Type
				}
			}
		}
	}
}

func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if g, ok := t.(*ast.IndexExpr); ok {
		t = g.X
	}
	return t.(*ast.Ident).Name
}

// mentions says whether a type or a list of parameters holds something that bears identifiers.
func (s *source) mentions(room string, n ast.Node) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			found = found || ok && s.bearing[x.Name+"."+n.Sel.Name]
			return false
		case *ast.Ident:
			found = found || s.bearing[room+"."+n.Name]
		}
		return true
	})
	return found
}

// exported gives the exported functions and methods that take, or hang on, what bears identifiers.
func (s *source) exported() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(s.funcs)) {
		d, parts := s.funcs[name], strings.Split(name, ".")
		if !d.Name.IsExported() || len(parts) == 3 && !ast.IsExported(parts[1]) {
			continue
		}
		if s.mentions(parts[0], d.Type.Params) || len(parts) == 3 && s.bearing[parts[0]+"."+parts[1]] {
			all = append(all, name)
		}
	}
	return all
}

// No exported path enrols who has opted out: each is thought of, and each that can enrol is tried.
func TestPaths(t *testing.T) {
	t.Run("linkage", linkageLeavesOut)
	t.Run("watch", watchLeavesOut)
	t.Run("every", everyPathIsTried)
}

func everyPathIsTried(t *testing.T) {
	found := readSource(t).exported()
	require.Contains(t, found, "linkage.Publish")
	for _, name := range found {
		if paths[name] == "" {
			t.Errorf("%s takes identifiers, or hangs on what does: try it with an opted-out user, or say here why it cannot enrol one", name)
		}
	}
	taken.Lock()
	defer taken.Unlock()
	whole := len(taken.names) > 0 // and not this part alone
	for name, why := range paths {
		if !slices.Contains(found, name) {
			t.Errorf("%s is not there any more", name)
		}
		if whole && (why == tried) != taken.names[name] {
			t.Errorf("%s: said to be %q, and taken: %v", name, why, taken.names[name])
		}
	}
	t.Logf("%d exported paths, %d of them tried", len(found), len(taken.names))
}
