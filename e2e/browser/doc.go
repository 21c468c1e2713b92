// Package browser tests what a person sees: the statistics page in a headless
// Chromium (Debian's chromium-headless-shell, or chromium), which is driven over
// its debugging pipe.
//
// Tests only: nothing imports this package. Without a Chromium they are skipped.
package browser
