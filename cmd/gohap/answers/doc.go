// Package answers reads what a node's commands say of the fleet's tables, for the tool
// gohap to show: 'show peers fleet' and 'show table NAME key KEY', each with a heading
// '## NODE' before a node's answer. It imports nothing of gohap.
package answers
