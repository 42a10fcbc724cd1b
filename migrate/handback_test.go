package migrate_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stackrescue/stackrescue/migrate"
)

// printed is what Handback prints for v, line by line.
func printed(t *testing.T, v any) []string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, migrate.Handback(&out, v))
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, l := range lines {
		require.LessOrEqual(t, len(l), 8192)
	}
	return lines
}

func TestHandback(t *testing.T) {
	t.Parallel()
	want := migrate.Result{State: migrate.State{Version: "7", Done: true}, Fence: 3}
	lines := printed(t, want)
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], `"value":{"state":{"version":"7","done":true},"fence":3`, "people read it, too")
	got, err := migrate.ReadHandback[migrate.Result](slices.Concat([]string{"before", `{"level":"info"}`}, lines, []string{"", "after"}))
	require.NoError(t, err)
	require.Equal(t, want, got)

	long := strings.Repeat(`"<ä\`, 5000)
	parts := printed(t, long)
	require.Greater(t, len(parts), 4)
	mixed := slices.Clone(parts)
	slices.Reverse(mixed)
	mixed = slices.Insert(mixed, 2, "something else", lines[0], mixed[0])
	back, err := migrate.ReadHandback[string](mixed)
	require.NoError(t, err)
	require.Equal(t, long, back)

	// The program before it left its line unfinished, and the driver split.
	split := slices.Concat([]string{"x", "progress: 99 % " + parts[0][:4000], parts[0][4000:] + " and more"}, parts[1:])
	back, err = migrate.ReadHandback[string](split)
	require.NoError(t, err)
	require.Equal(t, long, back)

	// The container was started again: the last one counts.
	got, err = migrate.ReadHandback[migrate.Result](slices.Concat(lines, printed(t, migrate.Result{Fence: 4})))
	require.NoError(t, err)
	require.Equal(t, migrate.Fence(4), got.Fence)
}

// other and third are results that nobody asks for.
type (
	other int
	third int
)

func TestHandbackThatIsNotThere(t *testing.T) {
	t.Parallel()
	parts := printed(t, strings.Repeat("x", 9000))
	require.Len(t, parts, 3)
	for want, lines := range map[string][]string{
		"none in 2 lines of the log": {"a", `{"handback":`},
		"none in 0 lines":            nil,
		"only migrate_test.other, migrate_test.third was handed back": slices.Concat(printed(t, other(1)), printed(t, third(1))),
		"part 2 of 3 is missing: read the log again":                  {parts[0], parts[2]},
		"part 3 of 3 is missing":                                      {parts[0], parts[1], parts[2][:100]},
		"checksum":                                                    {strings.Replace(parts[0], "xxx", "xyx", 1), parts[1], parts[2]},
		"format 2, and this program reads 1":                          {`{"handback":2,"kind":"string"}`},
		"part 4 of 3":                                                 {strings.Replace(parts[0], `"part":1`, `"part":4`, 1)},
		"parts of 3 and of 2":                                         {parts[0], strings.Replace(parts[1], `"of":3`, `"of":2`, 1)},
		"cannot unmarshal number into Go value of type":               {strings.Replace(printed(t, 5)[0], `"kind":"int"`, `"kind":"string"`, 1)},
	} {
		_, err := migrate.ReadHandback[string](lines)
		require.ErrorIs(t, err, migrate.ErrOutput, want)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "handed-back string: ")
	}
	require.ErrorContains(t, migrate.Handback(&bytes.Buffer{}, nil), "nothing was given")
	require.ErrorContains(t, migrate.Handback(&bytes.Buffer{}, struct{}{}), "has no name")
}

// FuzzHandback hands back any text among any other lines, and reads any lines.
func FuzzHandback(f *testing.F) {
	f.Add("plain", "noise")
	f.Add(strings.Repeat("ü<\"\\\u2028", 3000), `{"handback":1,"kind":"text","sum":"00000000","part":1,"of":1,"value":"x"}`)
	f.Add("x", `{"handback":`)
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, noise string) {
		text = strings.ToValidUTF8(text, "?")
		around := strings.Split(noise, "\n")
		got, err := migrate.ReadHandback[string](around)
		if err != nil {
			require.ErrorIs(t, err, migrate.ErrOutput)
			require.Empty(t, got)
		}
		if strings.Contains(noise, `{"handback"`) {
			return // noise that speaks the language
		}
		var lines []string
		for i, l := range printed(t, text) {
			lines = append(lines, l, around[i%len(around)])
		}
		got, err = migrate.ReadHandback[string](slices.Concat(around, lines))
		require.NoError(t, err)
		require.Equal(t, text, got)
	})
}
