// What may be scanned on request, below a root of either platform.
#include "agent/antivirus/scan_paths.h"

#include <gtest/gtest.h>

namespace mailquench::agent {
namespace {

TEST(ScanPaths, OfPosix) {
  EXPECT_TRUE(IsBelowRoot("/srv/a", "/srv"));
  EXPECT_TRUE(IsBelowRoot("/srv", "/srv"));
  EXPECT_TRUE(IsBelowRoot("/any", "/"));
  EXPECT_FALSE(IsBelowRoot("/srvx", "/srv"));
  EXPECT_FALSE(IsBelowRoot("/srv/../etc", "/srv"));
  EXPECT_FALSE(IsBelowRoot("/srv/./a", "/srv"));
  EXPECT_FALSE(IsBelowRoot("srv/a", "/srv"));
  EXPECT_FALSE(IsBelowRoot("", "/"));
  EXPECT_FALSE(IsBelowRoot("C:\\x", "/"));
}

TEST(ScanPaths, OfWindows) {
  EXPECT_TRUE(IsBelowRoot("D:\\Upload\\a b\\c.exe", "D:\\upload"));
  EXPECT_TRUE(IsBelowRoot("d:/UPLOAD/x", "D:\\Upload\\"));
  EXPECT_TRUE(IsBelowRoot("D:\\upload", "D:/Upload"));
  EXPECT_FALSE(IsBelowRoot("D:\\uploadx", "D:\\upload"));
  EXPECT_FALSE(IsBelowRoot("E:\\upload", "D:\\upload"));
  for (const char* out : {"D:\\upload\\..\\Windows", "D:/upload/..\\..\\Windows", "D:\\upload\\.",
                          "D:\\upload\\.. \\x", "D:\\upload\\...\\x", "D:\\upload\\x:stream",
                          "D:\\upload\\*", "D:\\upload\\x\ty", "\\\\?\\D:\\upload\\x",
                          "\\\\host\\upload\\x", "D:upload\\x", "/upload/x", ""})
    EXPECT_FALSE(IsBelowRoot(out, "D:\\upload")) << out;
}

}  // namespace
}  // namespace mailquench::agent
