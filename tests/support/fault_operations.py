"""Every operation of a client, as the fault tests run it."""

from __future__ import annotations

from fault_downloads import DOWNLOADS
from fault_items import ITEMS
from fault_relocations import RELOCATIONS
from fault_syncs import SYNCS
from fault_transfers import TRANSFERS
from fault_uploads import UPLOADS

OPERATIONS = [*UPLOADS, *DOWNLOADS, *ITEMS, *RELOCATIONS, *TRANSFERS, *SYNCS]
