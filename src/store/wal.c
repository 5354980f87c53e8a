#include "store/wal.h"

#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

#define WAL_HEADER_BYTES   32
#define FRAME_HEADER_BYTES 24
/* In the header of the WAL's index. */
#define REGION_BYTES 32768
#define PAGE_SIZE_AT 14
#define FRAMES_AT    16

/* Where the committed frames end, by the WAL's index (its format is documented): right whoever has
 * written, and also after the WAL was started anew. */
static bool committed_end(sqlite3 *conn, sqlite3_int64 *end)
{
    sqlite3_file *file = NULL;
    void volatile *index = NULL;
    uint16_t page;
    uint32_t frames;
    if (sqlite3_file_control(conn, "main", SQLITE_FCNTL_FILE_POINTER, &file) || !file ||
        !file->pMethods || file->pMethods->iVersion < 2 ||
        file->pMethods->xShmMap(file, 0, REGION_BYTES, 0, &index) || !index)
        return false;
    memcpy(&page, (const char *)index + PAGE_SIZE_AT, sizeof page);
    memcpy(&frames, (const char *)index + FRAMES_AT, sizeof frames);
    sqlite3_int64 frame_bytes = FRAME_HEADER_BYTES + (page == 1 ? 65536 : page);
    *end = frames ? WAL_HEADER_BYTES + frames * frame_bytes : 0;
    return true;
}

/* Where the file cannot be made shorter, a frame (or the file) without a header ends the WAL too.
 */
bool wal_cut_tail(sqlite3 *conn)
{
    static const char no_header[FRAME_HEADER_BYTES];
    sqlite3_file *wal = NULL;
    sqlite3_int64 end, bytes;
    if (!committed_end(conn, &end) ||
        sqlite3_file_control(conn, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) || !wal ||
        !wal->pMethods || wal->pMethods->xFileSize(wal, &bytes))
        return false;
    bool cut = bytes <= end || !wal->pMethods->xTruncate(wal, end) ||
               !wal->pMethods->xWrite(wal, no_header, sizeof no_header, end);
    return cut && !wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
}
