# SPDX-License-Identifier: Apache-2.0
"""Drivers: the ports on real databases, disks and clocks. Only `legato.app` imports them."""
