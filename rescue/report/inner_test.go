package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "< 1 s", 400 * time.Millisecond: "< 1 s", 9 * time.Second: "9 s", 61 * time.Second: "1 min 1 s", 20 * time.Minute: "20 min", 3 * time.Hour: "3 h", 3*time.Hour + 5*time.Minute: "3 h 5 min", 50 * time.Hour: "2 days 2 h", -time.Minute: "-1 min",
	} {
		require.Equal(t, want, duration(d))
	}
}

func TestWrapLosesNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "short", strings.Repeat("word ", 50), strings.Repeat("x", 300), "a 日本語 " + strings.Repeat("日本", 60), "  lead " + strings.Repeat("y", 90)} {
		for _, width := range []int{0, 1, 2, 10, 40, 80} {
			lines := wrap(s, "    ", width)
			require.Equal(t, strings.Join(strings.Fields(s), ""), strings.Join(strings.Fields(strings.Join(lines, " ")), ""), "%d %q", width, s)
			for _, l := range lines {
				require.True(t, width < 4 || cells(l) <= width, "%d %q", width, l)
			}
		}
	}
	require.Equal(t, "abc…", cut("abcdef", 4))
	require.Equal(t, "日…", cut("日本語", 4))
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	at := func(minutes float64) time.Time {
		return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(minutes * float64(time.Minute)))
	}
	type p = point
	for name, test := range map[string]struct {
		points []point
		want   string
	}{
		"lost and back":             {[]p{{at(5), "not-served", "", false}, {at(9), "served", "", false}}, "served 5, not-served 4, served 11"},
		"samples far apart":         {[]p{{at(0), "served", "", true}, {at(10), "not-served", "", true}}, "unknown 10, not-served 10"},
		"samples close together":    {[]p{{at(0), "served", "", true}, {at(1), "not-served", "", true}}, "served 1, not-served 19"},
		"not served until steady":   {[]p{{at(0), "not-served", "", false}, {at(10), "not-served", "", true}, {at(15), "served", "", false}}, "not-served 15, served 5"},
		"nothing seen before":       {[]p{{at(8), "served", "", true}}, "unknown 8, served 12"},
		"a task that did not serve": {[]p{{at(1), "not-served", "", false}, {at(3), "degraded", "", false}, {at(7), "served", "", false}}, "served 1, not-served 6, served 13"},
		"one of two":                {[]p{{at(0), "served", "", true}, {at(3), "degraded", "", false}, {at(4), "served", "", false}}, "served 3, degraded 1, served 16"},
	} {
		var got []string
		for _, i := range intervals(test.points, at(0), at(20)) {
			got = append(got, i.State+" "+strings.TrimSuffix(strings.TrimSuffix(i.To.Sub(i.From).String(), "0s"), "m"))
		}
		require.Equal(t, test.want, strings.Join(got, ", "), name)
	}
}

// No label of a chart is drawn over another one, nor over a bar it is not in.
func TestLabelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	var lanes []laneRow
	for n := range 40 {
		l := laneRow{Group: "Stacks", Name: "s"}
		at := begin
		for i := range 1 + n {
			to := at.Add(time.Duration(1+(i*7+n*3)%11) * time.Minute)
			l.Bars = append(l.Bars, bar{From: at, To: to, Class: []string{"ok", "bad", "warn", "run"}[i%4], Labels: labels("UPDATE_ROLLBACK_COMPLETE", to.Sub(at))})
			at = to.Add(time.Duration(i%3) * time.Minute)
		}
		lanes = append(lanes, l)
	}
	c := draw(lanes, begin, begin.Add(4*time.Hour))
	for _, zoom := range []string{"z1", "z4"} {
		width := map[string]float64{"z1": narrowest, "z4": 4 * narrowest}[zoom]
		rows := map[int][][2]float64{}
		for _, l := range c.Labels {
			if !strings.HasPrefix(l.Class, zoom) {
				continue
			}
			var x float64
			_, err := fmt.Sscan(l.X, &x)
			require.NoError(t, err)
			from := x*width/100 + float64(l.DX)
			if l.Anchor == "end" {
				from -= textWidth(l.Text)
			}
			for _, o := range rows[l.Y] {
				require.False(t, from < o[1]-1 && from+textWidth(l.Text) > o[0]+1, "%s %q", zoom, l.Text)
			}
			rows[l.Y] = append(rows[l.Y], [2]float64{from, from + textWidth(l.Text)})
		}
		require.NotEmpty(t, rows)
	}
}
