package sqlstore

import (
	"context"
	"embed"
	"io/fs"
	"strings"

	"github.com/hueandcry/hueandcry/abuse"
)

// Migrations go forward only, one file a version. A file that was released is never edited.
//
//go:embed migrations/*.sql
var migrations embed.FS

// schemaTable says which version the tables have. It has one row.
const schemaTable = "CREATE TABLE hc_schema (one INT NOT NULL PRIMARY KEY, version INT NOT NULL)"

// migrator is a database while it is opened.
type migrator interface {
	// version gives 0 where there is no table of versions.
	version(ctx context.Context) (int, error)
	// apply runs statements and sets the version from one to the next, all of it or nothing. If
	// the version is not the one before (another process came first) it does nothing.
	apply(ctx context.Context, version int, statements []string) error
	// word replaces {bytes} and {small}, and gives "" for what is only {where small} means something.
	word(statement string) string
}

// migrate brings a database to the version: all of them, but in tests.
func migrate(ctx context.Context, m migrator, to int) error {
	steps, err := steps()
	if err != nil {
		return err
	}
	v, err := m.version(ctx)
	if err != nil {
		return err
	}
	if v > len(steps) {
		return &abuse.StoreError{Op: "open", Kind: abuse.ErrStoreVersion}
	}
	for ; v < min(to, len(steps)); v++ {
		var statements []string
		if v == 0 {
			statements = []string{schemaTable, "INSERT INTO hc_schema (one, version) VALUES (1, 0)"}
		}
		for s := range strings.SplitSeq(steps[v], ";") {
			if s = m.word(strings.TrimSpace(s)); s != "" {
				statements = append(statements, s)
			}
		}
		if err := m.apply(ctx, v+1, statements); err != nil {
			return err
		}
	}
	return nil
}

// steps gives the text of each migration, without its comments.
func steps() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	all := make([]string, len(names))
	for i, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "--") {
				all[i] += line
			}
		}
	}
	return all, nil
}

// table gives a table's name in the database. The prefix keeps clear of the caller's own tables.
func table(t abuse.Table) string { return "hc_" + t.String() }
