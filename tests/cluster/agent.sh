#!/bin/sh
# In place of ssh: agent.sh NODE COMMAND… runs the command in the network namespace NODE, under the host name NODE.
node=$1
shift
exec ip netns exec "$node" unshare --uts sh -c 'hostname "$0"; exec sh -c "$*"' "$node" "$@"
